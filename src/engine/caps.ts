/**
 * What each client may ask for at most, as the scheduler tells it (PROTOCOL.md, "Policy"): by the index of a client of ours, by the session of a peer's.
 */
import { ALL_PERMISSIONS, type PermissionSet, readSet } from "../protocol/permissions.ts";

const decoder = new TextDecoder();

export class Caps {
  /** Of clients that nothing was said about; null: there is no policy. */
  #default: PermissionSet | null = null;
  readonly #byClient = new Map<number, PermissionSet | null>();
  readonly #bySession = new Map<string, PermissionSet | null>();
  /** Called when anything has changed. */
  onChange: () => void = () => {};

  /**
   * The registration's word: the cap of all who have none of their own.
   * @throws TypeError if it cannot be read
   */
  begin(cap: unknown): void {
    this.#default = readCap(cap ?? "all");
    this.#byClient.clear();
    this.#bySession.clear();
    this.onChange();
  }

  /**
   * The scheduler's word about one client.
   * @throws TypeError or SyntaxError if it cannot be read
   */
  take(body: Uint8Array): void {
    const value: unknown = JSON.parse(decoder.decode(body));
    if (typeof value !== "object" || value === null) {
      throw new TypeError("Cannot read a client's cap: no object");
    }
    const { client, session, cap }: { client?: unknown; session?: unknown; cap?: unknown } = value;
    if (typeof client === "number") this.#byClient.set(client, readCap(cap));
    else if (typeof session === "string") this.#bySession.set(session, readCap(cap));
    else throw new TypeError("Cannot read a client's cap: it names no client");
    this.onChange();
  }

  /** What a client of ours may have at most, null for everything. */
  ofClient(client: number): PermissionSet | null {
    return orElse(this.#byClient.get(client), this.#default);
  }

  /** The same for a peer's. */
  ofSession(session: string): PermissionSet | null {
    return orElse(this.#bySession.get(session), this.#default);
  }
}

function orElse(
  own: PermissionSet | null | undefined,
  otherwise: PermissionSet | null,
): PermissionSet | null {
  return own === undefined ? otherwise : own;
}

/** A cap as it travels; null for everything. @throws TypeError */
export function readCap(cap: unknown): PermissionSet | null {
  if (cap === "all") return null;
  const set = readSet(cap, "cap");
  return set === ALL_PERMISSIONS ? null : set;
}
