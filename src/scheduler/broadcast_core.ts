/**
 * What the broadcast scheduler decides, pure: which engines get a copy of a request, whose replies are waited for, and who is told what when an engine is unknown or
 * dies in the middle. Messages are opaque here.
 *
 * A client of ipyparallel ends its requests to an engine itself when it hears that the engine left; so for an engine that was there when the request came nobody
 * answers, only the record gets its end. For one that was not there nobody else would, and the client gets an error. Our own client, which is told what came of each
 * engine, waits for the others.
 */

/** An engine as a request names it. */
export interface BroadcastTarget {
  readonly uuid: string;
  readonly id: number;
}

export type BroadcastEvent<Request, Reply> =
  | { readonly kind: "engine_registered"; readonly uuid: string; readonly id: number }
  | { readonly kind: "engine_unregistered"; readonly uuid: string; readonly at: number }
  | {
    readonly kind: "submitted";
    readonly key: string;
    readonly isCoalescing: boolean;
    /** Its client waits for the others when an engine leaves. */
    readonly isPatient?: boolean;
    readonly targets: readonly BroadcastTarget[];
    readonly request: Request;
  }
  | { readonly kind: "replied"; readonly key: string; readonly uuid: string; readonly reply: Reply }
  /** An engine's reply cannot be read; `key` is undefined where it does not say to what. */
  | {
    readonly kind: "damaged";
    readonly key: string | undefined;
    readonly uuid: string;
    readonly why: string;
  }
  | { readonly kind: "tick"; readonly at: number };

/** What came of one engine's copy: its reply, or why there is none. */
export interface Outcome<Reply> {
  readonly target: BroadcastTarget;
  readonly reply: Reply | null;
  readonly why: string;
}

export type BroadcastAction<Request, Reply> =
  /** Copies go to these engines. */
  | { readonly kind: "send"; readonly request: Request; readonly targets: readonly BroadcastTarget[] }
  /** An engine's reply goes to the client and into the record. */
  | { readonly kind: "relay"; readonly request: Request; readonly uuid: string; readonly reply: Reply }
  /** An engine's reply goes into its record only: the client waits for all together. */
  | { readonly kind: "keep"; readonly request: Request; readonly uuid: string; readonly reply: Reply }
  /** The client gets an error in an engine's place. */
  | {
    readonly kind: "refuse";
    readonly request: Request;
    readonly target: BroadcastTarget;
    readonly why: string;
  }
  /** The record of a copy ends: its engine is gone. */
  | {
    readonly kind: "lose";
    readonly request: Request;
    readonly target: BroadcastTarget;
    readonly why: string;
  }
  /** All engines of a coalescing request have answered or will not. `isHeard`: the client still waits. */
  | {
    readonly kind: "coalesce";
    readonly request: Request;
    readonly outcomes: readonly Outcome<Reply>[];
    /** The reply that came last, null if there was none. */
    readonly last: Reply | null;
    readonly isHeard: boolean;
  };

interface Engine {
  readonly id: number;
  readonly uuid: string;
  /** Requests that it has not answered. */
  readonly open: Set<string>;
  /** Infinity while it lives. */
  diedAt: number;
}

interface Open<Request, Reply> {
  readonly key: string;
  readonly isCoalescing: boolean;
  readonly isPatient: boolean;
  readonly request: Request;
  readonly targets: ReadonlyMap<string, BroadcastTarget>;
  readonly waiting: Set<string>;
  readonly outcomes: Map<string, Outcome<Reply>>;
  last: Reply | null;
  isHeard: boolean;
}

/** How long replies of an engine that left may still come in, in ms. */
const GRACE_MS = 100;

export class BroadcastCore<Request, Reply> {
  readonly #engines = new Map<string, Engine>();
  readonly #dying = new Set<Engine>();
  readonly #requests = new Map<string, Open<Request, Reply>>();
  #actions: BroadcastAction<Request, Reply>[] = [];

  /** Requests that some engine has not answered. */
  get open(): number {
    return this.#requests.size;
  }

  /** When a tick is wanted next, Infinity for never. */
  get nextTick(): number {
    let next = Infinity;
    for (const { diedAt, open } of this.#dying) {
      next = Math.min(next, open.size === 0 ? diedAt : diedAt + GRACE_MS);
    }
    return next;
  }

  /** Whether a request of this id waits for an engine. */
  awaits(key: string, uuid: string): boolean {
    return this.#requests.get(key)?.waiting.has(uuid) ?? false;
  }

  /** The open request of this id. */
  find(key: string): Request | undefined {
    return this.#requests.get(key)?.request;
  }

  /** Whether replies to a request are kept until all are there. */
  isCoalescing(key: string): boolean {
    return this.#requests.get(key)?.isCoalescing ?? false;
  }

  step(event: BroadcastEvent<Request, Reply>): BroadcastAction<Request, Reply>[] {
    switch (event.kind) {
      case "engine_registered":
        this.#register(event.uuid, event.id);
        break;
      case "engine_unregistered":
        this.#unregister(event.uuid, event.at);
        break;
      case "submitted":
        this.#submit(event);
        break;
      case "replied":
        this.#reply(event.key, event.uuid, event.reply);
        break;
      case "damaged":
        this.#damaged(event.key, event.uuid, event.why);
        break;
      case "tick":
        this.#expire(event.at);
        break;
    }
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #register(uuid: string, id: number): void {
    const before = this.#engines.get(uuid);
    if (before !== undefined) this.#bury(before, "it registered anew");
    this.#engines.set(uuid, { id, uuid, open: new Set(), diedAt: Infinity });
  }

  #unregister(uuid: string, at: number): void {
    const engine = this.#engines.get(uuid);
    if (engine === undefined || engine.diedAt !== Infinity) return;
    engine.diedAt = at;
    this.#dying.add(engine);
    // A client ends a coalescing request when any of its engines leaves, one that has answered too.
    for (const open of this.#requests.values()) if (open.targets.has(uuid)) open.isHeard &&= open.isPatient;
  }

  #submit(event: Extract<BroadcastEvent<Request, Reply>, { kind: "submitted" }>): void {
    const { key, isCoalescing, isPatient = false, targets: named, request } = event;
    const targets = new Map(named.map((target) => [target.uuid, this.#known(target)]));
    const open: Open<Request, Reply> = {
      key,
      isCoalescing,
      isPatient,
      request,
      targets,
      waiting: new Set(),
      outcomes: new Map(),
      last: null,
      isHeard: true,
    };
    const reachable = [...targets.values()].filter(({ uuid }) =>
      this.#engines.get(uuid)?.diedAt === Infinity
    );
    this.#requests.set(key, open);
    for (const { uuid } of reachable) {
      open.waiting.add(uuid);
      this.#engines.get(uuid)!.open.add(key);
    }
    if (reachable.length > 0) this.#actions.push({ kind: "send", request, targets: reachable });
    for (const target of targets.values()) {
      if (!open.waiting.has(target.uuid)) this.#refuse(open, target);
    }
    this.#endIfDone(open);
  }

  /** The hub's word on an engine's id counts, not the client's. */
  #known(target: BroadcastTarget): BroadcastTarget {
    const engine = this.#engines.get(target.uuid);
    return engine === undefined ? target : { uuid: target.uuid, id: engine.id };
  }

  #refuse(open: Open<Request, Reply>, target: BroadcastTarget): void {
    const why = `Engine ${target.id} "${target.uuid}" is not registered: it never got the request`;
    if (open.isCoalescing) open.outcomes.set(target.uuid, { target, reply: null, why });
    else this.#actions.push({ kind: "refuse", request: open.request, target, why });
  }

  #reply(key: string, uuid: string, reply: Reply): void {
    const open = this.#requests.get(key);
    if (open === undefined || !open.waiting.delete(uuid)) return;
    this.#engines.get(uuid)?.open.delete(key);
    const { request, isCoalescing } = open;
    this.#actions.push({ kind: isCoalescing ? "keep" : "relay", request, uuid, reply });
    open.last = reply;
    if (isCoalescing) open.outcomes.set(uuid, { target: open.targets.get(uuid)!, reply, why: "" });
    this.#endIfDone(open);
  }

  /** No other reply will come. One that does not say to what is to the oldest request: engines answer in order. */
  #damaged(key: string | undefined, uuid: string, problem: string): void {
    const engine = this.#engines.get(uuid);
    const [oldest] = engine?.open ?? [];
    const open = this.#requests.get(key ?? oldest ?? "");
    if (engine === undefined || open === undefined || !open.waiting.has(uuid)) return;
    engine.open.delete(open.key);
    this.#lose(
      open,
      uuid,
      `Engine ${engine.id} answered with a message that cannot be read: ${problem}`,
      true,
    );
  }

  /** An engine's copy ends without a reply. */
  #lose(open: Open<Request, Reply>, uuid: string, why: string, isClientTold: boolean): void {
    open.waiting.delete(uuid);
    const { request, isCoalescing } = open, target = open.targets.get(uuid)!;
    this.#actions.push({ kind: "lose", request, target, why });
    if (isClientTold && !isCoalescing) this.#actions.push({ kind: "refuse", request, target, why });
    open.outcomes.set(uuid, { target, reply: null, why });
    this.#endIfDone(open);
  }

  #endIfDone(open: Open<Request, Reply>): void {
    if (open.waiting.size > 0) return;
    this.#requests.delete(open.key);
    if (!open.isCoalescing) return;
    const outcomes = [...open.targets.keys()].map((uuid) => open.outcomes.get(uuid)!);
    const { request, last, isHeard } = open;
    this.#actions.push({ kind: "coalesce", request, outcomes, last, isHeard });
  }

  #expire(at: number): void {
    for (const engine of this.#dying) {
      if (engine.open.size === 0 || engine.diedAt + GRACE_MS <= at) this.#bury(engine, "it died");
    }
  }

  /** Nothing will come from it any more. */
  #bury(engine: Engine, how: string): void {
    this.#dying.delete(engine);
    if (this.#engines.get(engine.uuid) === engine) this.#engines.delete(engine.uuid);
    for (const key of engine.open) {
      const open = this.#requests.get(key);
      if (open === undefined || !open.waiting.has(engine.uuid)) continue;
      const why = `Engine ${engine.id} "${engine.uuid}" will not answer, ${how}: the request may have run`;
      // Where clients were not told that it left nobody else ends their requests.
      this.#lose(open, engine.uuid, why, engine.diedAt === Infinity);
    }
  }
}
