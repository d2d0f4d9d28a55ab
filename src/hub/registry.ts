/**
 * Who is there: engines by id and uuid. An engine is *incoming* from its request to its first heartbeat, then registered.
 * Ids count up and are not given twice, unless an engine asks for a free one (its rank, or the one it had before).
 */

import type { Offer } from "../protocol/task_asks.ts";

/** What an engine of ours tells about itself. */
export interface EngineCard {
  readonly host: string;
  readonly pid: number;
  readonly sandbox: string;
  /** What its tasks may ask for. */
  readonly offer: Offer;
  /** The same for the engines of one process. Who tells it takes pieces that are meant for several engines. */
  readonly process?: string | undefined;
}

/** A registered or incoming engine. */
export interface Engine {
  readonly id: number;
  readonly uuid: string;
  /** Null where the engine is a peer's. */
  readonly ours: EngineCard | null;
  /** When it asked or was registered, milliseconds since 1970. */
  readonly since: number;
}

/** An engine that is gone; its uuid may be heard of again. */
export interface Departed {
  readonly id: number;
  readonly ours: boolean;
}

/** The answer to a request. */
export type Grant =
  | { readonly kind: "granted"; readonly id: number; readonly isAgain: boolean }
  | { readonly kind: "refused"; readonly ename: string; readonly text: string };

export interface RegistrationRequest {
  readonly at: number;
  readonly uuid: string;
  /** The id that the engine would like. */
  readonly id?: number | undefined;
  readonly ours: EngineCard | null;
}

/** Engines of a run before, and the id that would have been the next one's. */
export interface Restored {
  readonly engines: Iterable<{ readonly id: number; readonly uuid: string; readonly isOurs: boolean }>;
  readonly nextId: number;
}

/** Registrations that may be unfinished at a time. */
const MAX_INCOMING = 4096;
/** Departed engines that are remembered. */
const MAX_DEPARTED = 4096;
/** Ids are u32 with the highest bit taken (it marks an engine as the origin of a group). */
export const MAX_ENGINE_ID = 0x7fff_fffe;

/** Ids and names of engines. */
export class Registry {
  readonly #engines = new Map<number, Engine>();
  readonly #byUuid = new Map<string, Engine>();
  readonly #incoming = new Map<string, Engine>();
  readonly #departed = new Map<string, Departed>();
  #next = 0;

  /** Registered engines, in the order in which they came. */
  get engines(): Iterable<Engine> {
    return this.#engines.values();
  }

  get size(): number {
    return this.#engines.size;
  }

  byId(id: number): Engine | undefined {
    return this.#engines.get(id);
  }

  byUuid(uuid: string): Engine | undefined {
    return this.#byUuid.get(uuid);
  }

  /** The uuid of the engine that has this id, or had it last. */
  uuidOf(id: number): string | undefined {
    const engine = this.#engines.get(id);
    if (engine) return engine.uuid;
    return [...this.#departed].findLast(([, departed]) => departed.id === id)?.[0];
  }

  departed(uuid: string): Departed | undefined {
    return this.#departed.get(uuid);
  }

  /** Chooses an id for an engine that asks to be registered. */
  request(request: RegistrationRequest): Grant {
    const { uuid, ours } = request;
    const known = this.#byUuid.get(uuid) ?? this.#incoming.get(uuid);
    if (known && isSameEngine(known, request)) return { kind: "granted", id: known.id, isAgain: true };
    if (this.#incoming.size >= MAX_INCOMING) {
      return {
        kind: "refused",
        ename: "LimitExceeded",
        text: `${MAX_INCOMING} registrations are unfinished`,
      };
    }
    const id = this.#chooseId(request.id ?? this.#oldId(request));
    if (known) return { kind: "refused", ename: "KeyError", text: `uuid '${uuid}' in use` };
    this.#incoming.set(uuid, { id, uuid, ours, since: request.at });
    return { kind: "granted", id, isAgain: false };
  }

  /** The id that the next engine gets. */
  get nextId(): number {
    return this.#next;
  }

  /** Takes back the engines of a run before: peers wait for their heartbeat, ours for their request; ids of then stay theirs. */
  restore(saved: Restored, at: number): void {
    this.#next = Math.max(this.#next, saved.nextId);
    for (const { id, uuid, isOurs } of saved.engines) {
      if (isOurs) this.#departed.set(uuid, { id, ours: true });
      else this.#incoming.set(uuid, { id, uuid, ours: null, since: at });
    }
  }

  /** The first heartbeat of an incoming engine: it is registered. */
  arrive(uuid: string, at: number): Engine | undefined {
    const incoming = this.#incoming.get(uuid);
    if (!incoming) return undefined;
    this.#incoming.delete(uuid);
    this.#departed.delete(uuid);
    const engine = { ...incoming, since: at };
    this.#engines.set(engine.id, engine);
    this.#byUuid.set(uuid, engine);
    return engine;
  }

  /** Removes a registered engine. */
  leave(engine: Engine): void {
    this.#engines.delete(engine.id);
    this.#byUuid.delete(engine.uuid);
    if (this.#departed.size >= MAX_DEPARTED) {
      for (const oldest of this.#departed.keys()) {
        this.#departed.delete(oldest);
        break;
      }
    }
    this.#departed.set(engine.uuid, { id: engine.id, ours: engine.ours !== null });
  }

  /** Cancels the unfinished registration of this id, if there is one. */
  cancel(id: number): Engine | undefined {
    for (const engine of this.#incoming.values()) {
      if (engine.id !== id) continue;
      this.#incoming.delete(engine.uuid);
      return engine;
    }
    return undefined;
  }

  /** Drops registrations that were asked for before `time` and not finished. */
  expire(time: number): Engine[] {
    const late = [...this.#incoming.values()].filter((engine) => engine.since < time);
    for (const engine of late) this.#incoming.delete(engine.uuid);
    return late;
  }

  #oldId(request: RegistrationRequest): number | undefined {
    return request.ours ? this.#departed.get(request.uuid)?.id : undefined;
  }

  #chooseId(wanted: number | undefined): number {
    if (wanted === undefined || this.#isTaken(wanted)) return this.#next++;
    this.#next = Math.max(this.#next, wanted + 1);
    return wanted;
  }

  #isTaken(id: number): boolean {
    if (this.#engines.has(id)) return true;
    for (const engine of this.#incoming.values()) if (engine.id === id) return true;
    return false;
  }
}

/** Whether an engine of ours asks once more for what it has: its reply was lost, or it believed itself given up. */
function isSameEngine(known: Engine, request: RegistrationRequest): boolean {
  const { ours } = request;
  if (!known.ours || !ours || known.ours.pid !== ours.pid || known.ours.host !== ours.host) return false;
  return request.id === undefined || request.id === known.id;
}
