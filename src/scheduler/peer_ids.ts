/**
 * Peers name tasks by text; inside, a task is (client, n). A msg_id `<session>_<pid>_<n>` keeps its n under a client number for its prefix; any
 * other text gets a number of its own.
 */
import { type TaskKey, taskKey } from "./dependencies.ts";

/** Client numbers of peers begin here, above those that the hub gives to our clients. */
const FIRST_PEER = 1 << 20;
/** Client number of ids that do not end in a count. */
const OTHER = FIRST_PEER - 1;
const MAX_OTHER = 1_000_000;

export interface PeerId {
  readonly client: number;
  readonly n: number;
}

export class PeerIds {
  readonly #prefixes = new Map<string, number>();
  readonly #others = new Map<string, number>();

  /** The number of a msg_id, made up when it is new. */
  number(msgId: string): PeerId {
    const found = split(msgId);
    if (found === null) return { client: OTHER, n: this.#other(msgId) };
    let client = this.#prefixes.get(found.prefix);
    if (client === undefined) {
      client = FIRST_PEER + this.#prefixes.size;
      this.#prefixes.set(found.prefix, client);
    }
    return { client, n: found.n };
  }

  /** The key of a msg_id that was seen before. */
  resolve(msgId: string): TaskKey | undefined {
    const found = split(msgId);
    if (found === null) {
      const n = this.#others.get(msgId);
      return n === undefined ? undefined : taskKey(OTHER, n);
    }
    const client = this.#prefixes.get(found.prefix);
    return client === undefined ? undefined : taskKey(client, found.n);
  }

  #other(msgId: string): number {
    let n = this.#others.get(msgId);
    if (n === undefined) {
      if (this.#others.size >= MAX_OTHER) this.#others.clear();
      this.#others.set(msgId, n = this.#others.size + 1);
    }
    return n;
  }
}

/** Splits "prefix_17" into its parts; n is 0-based on the wire and counted from 1 inside. */
function split(msgId: string): { prefix: string; n: number } | null {
  const at = msgId.lastIndexOf("_");
  const digits = msgId.slice(at + 1);
  if (at < 1 || !/^(0|[1-9]\d{0,8})$/.test(digits)) return null;
  return { prefix: msgId.slice(0, at), n: Number(digits) + 1 };
}
