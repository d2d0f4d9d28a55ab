/** The hub's state at a moment, for `tsparallel status` and for the process that houses the hub. */

import { offerParts } from "./engine_notes.ts";
import type { EngineNumbers, Ledger } from "./ledger.ts";
import type { Engine, Registry } from "./registry.ts";
import { timeText } from "./times.ts";

/** One registered engine. */
export interface EngineStatus {
  readonly id: number;
  readonly uuid: string;
  /** Whether it speaks our extension. */
  readonly ours: boolean;
  readonly host: string | null;
  readonly pid: number | null;
  readonly sandbox: string | null;
  /** What tasks may do at most, sets that they can ask for by name, what is new for each: null for a peer's. */
  readonly permissions: Readonly<Record<string, unknown>> | null;
  readonly sets: Readonly<Record<string, unknown>> | null;
  readonly isolation: string | null;
  /** When it was registered, ISO text. */
  readonly registered: string;
  readonly queue: number;
  readonly tasks: number;
  readonly completed: number;
}

export interface HubStatus {
  readonly engines: readonly EngineStatus[];
  /** Clients that connected since the hub started. */
  readonly clients: number;
  readonly queue: {
    readonly unassigned: number;
    /** Tasks that wait or run. */
    readonly open: number;
    /** Tasks that ended since the hub started. */
    readonly finished: number;
    /** The task scheduler's own numbers. */
    readonly scheduler: { readonly waiting: number; readonly assigned: number };
  };
  /** `written`, or `refused: …` with the disk's reason. */
  readonly records: string;
  readonly database: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly uptimeMs: number;
  /** Messages that were dropped: bad signatures, broken frames. */
  readonly dropped: number;
}

/** All registered engines. */
export function engineStatuses(registry: Registry, ledger: Ledger): EngineStatus[] {
  return [...registry.engines].map((engine) => engineStatus(engine, ledger.numbers(engine.id)));
}

/** What is told of an engine; a peer's has no card. */
function engineStatus({ id, uuid, ours, since }: Engine, numbers: EngineNumbers): EngineStatus {
  return {
    id,
    uuid,
    ours: ours !== null,
    host: ours?.host ?? null,
    pid: ours?.pid ?? null,
    sandbox: ours?.sandbox ?? null,
    ...(ours === null ? { permissions: null, sets: null, isolation: null } : offerParts(ours.offer)),
    registered: timeText(Math.round(since * 1000)),
    ...numbers,
  };
}
