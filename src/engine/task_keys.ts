/**
 * Which child each task needs: what it asks for, within what its client may have. Remembered for tasks that ask for nothing: they are the most.
 */
import { ORIGIN } from "../protocol/groups.ts";
import { intersect, type PermissionSet } from "../protocol/permissions.ts";
import { readAsk } from "../protocol/task_asks.ts";
import { type Caps, readCap } from "./caps.ts";
import type { ChildKey, Grants } from "./grants.ts";

/** Most clients that are remembered. */
const MAX_CLIENTS = 4096;

/** Most sessions of peers whose number is remembered; one that is forgotten has a new child when it comes again. */
const MAX_SESSIONS = 100_000;

export class TaskKeys {
  readonly #grants: Grants;
  readonly #caps: Caps;
  readonly #numbers = new Map<string, number>();
  #lastSession = 0;
  readonly #plain = new Map<number | string, ChildKey>();

  constructor(grants: Grants, caps: Caps) {
    this.#grants = grants;
    this.#caps = caps;
    // What was remembered came of other caps.
    caps.onChange = () => this.#plain.clear();
  }

  /** The key of a task of a client of ours that asks for nothing. */
  plain(client: number): ChildKey {
    return this.#plain.get(client) ?? this.#remember(client, client, this.#caps.ofClient(client));
  }

  /** The key of a task of a peer's client. */
  ofPeer(session: string): ChildKey {
    return this.#plain.get(session) ??
      this.#remember(session, this.#numberOf(session), this.#caps.ofSession(session));
  }

  /** Sessions are clients too, counted from where indexes of ours end. */
  #numberOf(session: string): number {
    let number = this.#numbers.get(session);
    if (number === undefined) {
      if (this.#numbers.size >= MAX_SESSIONS) this.#numbers.clear();
      this.#numbers.set(session, number = ORIGIN.engineBit + this.#lastSession++);
    }
    return number;
  }

  #remember(who: number | string, client: number, cap: PermissionSet | null): ChildKey {
    const key = this.#grants.keyFor(null, client, cap);
    if (this.#plain.size >= MAX_CLIENTS) this.#plain.clear();
    this.#plain.set(who, key);
    return key;
  }

  /**
   * The key of a task with this tail. A cap in it narrows what its client may have: the hub's, of who asked for the task to be run again.
   * @throws PermissionDenied
   * @throws TypeError naming what cannot be read
   */
  of(tail: unknown, client: number): ChildKey {
    const ask = readAsk(tail);
    const own = this.#caps.ofClient(client), told = capIn(tail);
    if (ask === null && told === null) return this.plain(client);
    const cap = own === null || told === null ? own ?? told : intersect(own, told);
    return this.#grants.keyFor(ask, client, cap);
  }
}

function capIn(tail: unknown): PermissionSet | null {
  return typeof tail === "object" && tail !== null && "cap" in tail ? readCap(tail.cap) : null;
}
