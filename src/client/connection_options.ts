/** What a connection is made with. */

/** How a connection is made. */
export interface ConnectionOptions {
  /** For the handshake and for requests, in ms. */
  readonly timeoutMs: number;
  readonly username: string;
  readonly pid: number | undefined;
  /** Most bytes of large results under way at once. */
  readonly maxResultBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Of the client's CURVE pair, Z85. */
  readonly curveSecretKey: string | undefined;
  /** How long a controller may be silent while something is awaited, in ms. */
  readonly controllerTimeoutMs: number;
}
