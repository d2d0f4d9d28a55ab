/**
 * The schedulers' part of the policy: who may connect to their sockets, and by each message whose it is. A client is known by its CURVE key, whatever index
 * or session it claims; the hub says which of those belong to which key.
 */
import { KeyBook } from "../protocol/key_book.ts";
import { describe, excess, excessText } from "../protocol/permissions.ts";
import type { TaskAsk } from "../protocol/task_asks.ts";
import { type Cap, type CapText, Policy, type Side } from "../protocol/policy.ts";
import type { Context } from "../wire/context.ts";
import type { Incoming } from "../wire/incoming.ts";
import { ZapHandler } from "../wire/zap.ts";
import type { HubNews } from "./hub_link.ts";
import type { SchedulerSetup } from "./options.ts";
import type { Refusal } from "./peer_refusals.ts";

/** Everybody may do everything: without a policy. */
const FREE = { key: "", cap: null, ownCap: null, isController: false } as const;

/** Who sent a message, and what it may ask for; `cap` is null where nothing holds it back. */
export interface Sender {
  readonly key: string;
  readonly cap: Cap | null;
  /** What engines have to be told of it; null where it has everyone's cap, which they know. */
  readonly ownCap: CapText | null;
  /** The controller itself, which runs tasks again for clients. */
  readonly isController: boolean;
}

/** What a client is told that asks an engine for something that nothing there would hold back. */
export function cappedAway({ cap }: Sender): Refusal {
  const evalue =
    `Cannot run this on an engine of Python's: it runs whatever it is given, and the controller's policy caps this client ("${
      cap?.name ?? ""
    }"); name engines of tsparallel`;
  return { ename: "PermissionDenied", evalue };
}

/** What a client is told that speaks under another one's name. */
export function notYours(session: string): Refusal {
  return {
    ename: "PermissionError",
    evalue: `Cannot take the request: session "${session}" is another client's`,
  };
}

/** Why a client may not ask for this, null if it may. Sets that only engines know by name they hold against the cap themselves. */
export function beyondCap(ask: TaskAsk | null, { cap }: Sender): string | null {
  if (cap === null || ask === null || ask.permissions === null || typeof ask.permissions === "string") {
    return null;
  }
  const [beyond] = excess(ask.permissions, cap.permissions);
  if (beyond === undefined) return null;
  return `Cannot run this task: it asks for ${
    excessText(beyond)
  }, and the controller's policy does not grant it ("${cap.name}": ${describe(cap.permissions)})`;
}

export class Gate {
  readonly #policy: Policy | null;
  readonly #asks: boolean;
  readonly #zap: ZapHandler | null;
  /** By client index, by session. */
  readonly #book = new KeyBook<number | string>();

  /** Before the sockets are bound. */
  constructor(context: Context, { policy, curveSecretKey, curvePublicKey }: SchedulerSetup) {
    this.#policy = policy === null ? null : new Policy(policy, curvePublicKey);
    this.#asks = this.#policy !== null && curveSecretKey !== null;
    this.#zap = this.#asks ? new ZapHandler(context, (key, side) => this.#judge(key, side as Side)) : null;
  }

  get hasPolicy(): boolean {
    return this.#policy !== null;
  }

  /** The socket that asks who may connect, to be watched; null where nobody is asked. */
  get zap(): ZapHandler | null {
    return this.#zap;
  }

  /** The option with which a socket of that side asks. */
  optionsOf(side: Side): { readonly zapDomain?: string } {
    return this.#asks ? { zapDomain: side } : {};
  }

  #judge(key: string, side: Side): string | null {
    return this.#policy?.admits(key, side) === true ? key : null;
  }

  /** Who sent the message; null if it is no client. */
  senderOf(message: Incoming): Sender | null {
    if (this.#policy === null) return FREE;
    const key = this.#asks ? message.userId : "";
    const cap = this.#policy.capOf(key);
    if (cap === null) return null;
    const isEveryones = cap === this.#policy.everyone;
    const ownCap = isEveryones ? null : Policy.capText(cap);
    return { key, cap: cap.isAll ? null : cap, ownCap, isController: this.#policy.isOwn(key) };
  }

  /** The hub has welcomed a client: its index and session are its key's from now on. */
  known({ client, session, key }: HubNews): void {
    if (!this.#asks || typeof key !== "string") return;
    if (typeof client === "number") this.#book.assign(client, key);
    if (typeof session === "string") this.#book.assign(session, key);
  }

  /** Whether a sender may speak as this client, by index or session. Who is not known yet is the first who says so. */
  mayBe(sender: Sender, who: number | string): boolean {
    return !this.#asks || sender.isController || this.#book.claim(who, sender.key);
  }
}
