/**
 * Which sockets this program has, by what it runs in.
 */
import { IS_DENO } from "../base/runtime.ts";
import type { Transport } from "./transport.ts";

/**
 * The transport of this runtime.
 * @throws Error if its library cannot be opened
 */
export async function transportHere(): Promise<Transport> {
  return IS_DENO
    ? (await import("./deno_transport.ts")).denoTransport()
    : (await import("./node_transport.ts")).nodeTransport();
}
