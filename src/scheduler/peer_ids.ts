/**
 * Peers name tasks by text; inside, a task is (client, n). A msg_id `<session>_<pid>_<n>` keeps its n under a client number for its prefix; any
 * other text gets a number of its own.
 *
 * Numbers are never used twice. What is remembered of other texts is bounded: beyond that the oldest whose task is over is forgotten, so that a later task cannot
 * name it as a dependency any more (InvalidDependency), and nothing else is lost.
 */
import { type TaskKey, taskKey } from "./dependencies.ts";
import { MAX_N } from "./history.ts";

/** Client numbers of peers begin here, above those that the hub gives to our clients. */
const FIRST_PEER = 1 << 20;
/** Client number of ids that do not end in a count. */
const OTHER = FIRST_PEER - 1;
const MAX_OTHER = 1_000_000;
/** Prefixes that get a client number; ids of more are texts like any other. Keys have room for 2^20, and each costs a history. */
const MAX_PREFIXES = 1 << 14;
/** Entries that are looked at to forget one. */
const LOOKS = 16;

export interface PeerId {
  readonly client: number;
  readonly n: number;
}

export interface PeerIdOptions {
  /** Whether a task has not ended: its number must not be forgotten. */
  readonly isOpen: (client: number, n: number) => boolean;
  readonly maxOther?: number;
  readonly maxPrefixes?: number;
}

export class PeerIds {
  readonly #prefixes = new Map<string, number>();
  readonly #others = new Map<string, number>();
  /** Clients of ours by their prefixes: they count messages and the tasks of their groups together. */
  readonly #own = new Map<string, number>();
  readonly #ownPrefixes = new Map<number, string>();
  readonly #isOpen: PeerIdOptions["isOpen"];
  readonly #maxOther: number;
  readonly #maxPrefixes: number;
  #lastOther = 0;

  constructor({ isOpen, maxOther = MAX_OTHER, maxPrefixes = MAX_PREFIXES }: PeerIdOptions) {
    this.#isOpen = isOpen;
    this.#maxOther = maxOther;
    this.#maxPrefixes = maxPrefixes;
  }

  /** The prefix is a client's of ours: its ids are the names under which groups know its tasks. */
  own(prefix: string, client: number): void {
    this.#ownPrefixes.set(client, prefix);
    if (!this.#prefixes.has(prefix)) this.#own.set(prefix, client);
  }

  /** The msg_id of a task of a client of ours, if that was welcomed. */
  nameOf(client: number, n: number): string | undefined {
    const prefix = this.#ownPrefixes.get(client);
    return prefix === undefined ? undefined : `${prefix}_${n}`;
  }

  /** The number of a msg_id, made up when it is new. */
  number(msgId: string): PeerId {
    const found = split(msgId);
    const own = this.#ownId(found);
    if (own !== undefined) return own;
    const client = found === null ? undefined : this.#prefix(found.prefix);
    return found === null || client === undefined
      ? { client: OTHER, n: this.#other(msgId) }
      : { client, n: found.n };
  }

  /** The name of a msg_id that was seen before. */
  find(msgId: string): PeerId | undefined {
    const found = split(msgId);
    const own = this.#ownId(found);
    if (own !== undefined) return own;
    const client = found === null ? undefined : this.#prefixes.get(found.prefix);
    if (found !== null && client !== undefined) return { client, n: found.n };
    const n = this.#others.get(msgId);
    return n === undefined ? undefined : { client: OTHER, n };
  }

  /** The key of a msg_id that was seen before. */
  resolve(msgId: string): TaskKey | undefined {
    const id = this.find(msgId);
    return id === undefined ? undefined : taskKey(id.client, id.n);
  }

  /** Our clients count from 1, as groups do. */
  #ownId(found: { readonly prefix: string; readonly n: number } | null): PeerId | undefined {
    const client = found === null ? undefined : this.#own.get(found.prefix);
    return client === undefined || found === null || found.n < 2 ? undefined : { client, n: found.n - 1 };
  }

  #prefix(prefix: string): number | undefined {
    let client = this.#prefixes.get(prefix);
    if (client === undefined && this.#prefixes.size < this.#maxPrefixes) {
      client = FIRST_PEER + this.#prefixes.size;
      this.#prefixes.set(prefix, client);
    }
    return client;
  }

  #other(msgId: string): number {
    let n = this.#others.get(msgId);
    if (n !== undefined) return n;
    if (this.#others.size >= this.#maxOther) this.#forgetOne();
    this.#others.set(msgId, n = ++this.#lastOther);
    return n;
  }

  /** Drops the oldest whose task is over; open ones that stand in the way go to the end. */
  #forgetOne(): void {
    let looks = LOOKS;
    for (const [msgId, n] of this.#others) {
      this.#others.delete(msgId);
      if (!this.#isOpen(OTHER, n)) return;
      this.#others.set(msgId, n);
      if (--looks === 0) return;
    }
  }
}

/** Splits "prefix_17" into its parts; n is 0-based on the wire and counted from 1 inside. A count beyond what is kept by number is no count. */
function split(msgId: string): { prefix: string; n: number } | null {
  const at = msgId.lastIndexOf("_");
  const digits = msgId.slice(at + 1);
  if (at < 1 || !/^(0|[1-9]\d{0,8})$/.test(digits)) return null;
  const n = Number(digits) + 1;
  return n > MAX_N ? null : { prefix: msgId.slice(0, at), n };
}
