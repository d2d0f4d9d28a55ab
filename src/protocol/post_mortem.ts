/**
 * What is known of a task that did not end well, as engine host and scheduler have seen it: the wire's form, which stands in a result's tail and in its record
 * (PROTOCOL.md, "Post-mortem"), and the form that users get.
 */
import type { By } from "./by.ts";

/** What ended a task. The last four: the scheduler answered in an engine's place. */
export type EndedBy =
  | "error"
  | "exit"
  | "signal"
  | "limit"
  | "cancel"
  | "protocol"
  | "engine"
  | "denied"
  | "timeout"
  | "dependency"
  | "refused";

const ENDED_BY: readonly EndedBy[] = [
  "error",
  "exit",
  "signal",
  "limit",
  "cancel",
  "protocol",
  "engine",
  "denied",
  "timeout",
  "dependency",
  "refused",
];

/** One try of a task, as it stands on the wire. Times are ms since 1970. */
export interface WireAttempt {
  readonly engine_id: number;
  readonly engine_uuid: string;
  readonly started?: number;
  readonly ended: number;
  readonly outcome: string;
  readonly why?: string;
}

/** Most attempts that a result names: the last ones. */
export const MAX_ATTEMPTS = 16;

/** One try of a task. Times are ms since 1970. */
export interface Attempt {
  /** Of the engine that had it; null where it is not known. */
  readonly engineId: number | null;
  /** Of the same engine. */
  readonly engineUuid: string | null;
  /** null where nobody told. */
  readonly started: number | null;
  /** When it ended; null where nobody told. */
  readonly ended: number | null;
  /** `error`, `aborted`, `cancelled`, `lost`, `ok`; `unmet`: it said that it cannot run there. */
  readonly outcome: string;
  /** Of `unmet`: what it said. */
  readonly why?: string;
}

/** An act that the task was not allowed, as its slot's runtime told it: the task itself could have made it up, or hidden it. */
export interface DeniedAct {
  /** One of Deno's; `kernel`: the value is the kernel's sentence, and need not be a wall's. */
  readonly permission: string;
  /** A path, a host, a name; empty where it was everything of its kind. */
  readonly value: string;
  /** How often. */
  readonly times: number;
  /** Where in the task's code, if that is known. */
  readonly where: string;
}

/** What is known of a task that did not end well; null or empty is what is not. */
export interface PostMortem {
  /** What ended it. */
  readonly endedBy: EndedBy;
  /** With which its process ended. */
  readonly exitCode: number | null;
  /** Number of the signal that ended its process. */
  readonly signal: number | null;
  /** The limit that it exceeded, what was measured, and what was allowed, in the unit of the limit's name. */
  readonly limit: { readonly limit: string; readonly value: number; readonly max: number } | null;
  /** How long it ran. */
  readonly runMs: number | null;
  /** Processor time of all its threads. */
  readonly cpuMs: number | null;
  /** The most memory that its process had. */
  readonly peakMemoryMB: number | null;
  /** What it tried and was not allowed. */
  readonly denied: readonly DeniedAct[];
  /** The end of what it wrote. */
  readonly lastOutput: string;
  /** Who stopped it, and why. */
  readonly by: By | null;
  /** What it was allowed, in Deno's names; null where it was what its engine gives to every task. */
  readonly permissions: unknown;
  /** `shared`, `worker` or `process`. */
  readonly isolation: string | null;
  /** The walls around it. */
  readonly sandbox: string | null;
  /** Where it was tried, the last time at the end. */
  readonly attempts: readonly Attempt[];
  /** Attempts before those. */
  readonly attemptsDropped: number;
}

/** Reads what stands in a result's tail or in a record; undefined if it is none. */
export function readPostMortem(value: unknown): PostMortem | undefined {
  if (!isObject(value)) return undefined;
  const ended = ENDED_BY.find((word) => word === value.ended_by);
  if (ended === undefined) return undefined;
  return {
    endedBy: ended,
    exitCode: numberOf(value.exit_code),
    signal: numberOf(value.signal),
    limit: limitOf(value.limit),
    runMs: numberOf(value.run_ms),
    cpuMs: numberOf(value.cpu_ms),
    peakMemoryMB: numberOf(value.peak_memory_mb),
    denied: listOf(value.denied).map((act) => ({
      permission: textOf(act.permission) ?? "",
      value: textOf(act.value) ?? "",
      times: numberOf(act.times) ?? 1,
      where: textOf(act.where) ?? "",
    })),
    lastOutput: textOf(value.last_output) ?? "",
    by: isObject(value.by) ? { who: textOf(value.by.who) ?? "", why: textOf(value.by.why) ?? "" } : null,
    permissions: value.permissions ?? null,
    isolation: textOf(value.isolation),
    sandbox: textOf(value.sandbox),
    attempts: listOf(value.attempts).map((attempt) => ({
      engineId: numberOf(attempt.engine_id),
      engineUuid: textOf(attempt.engine_uuid),
      started: numberOf(attempt.started),
      ended: numberOf(attempt.ended),
      outcome: textOf(attempt.outcome) ?? "",
      ...(typeof attempt.why === "string" ? { why: attempt.why } : {}),
    })),
    attemptsDropped: numberOf(value.attempts_dropped) ?? 0,
  };
}

/** JSON has no Infinity: what was more than could be measured comes as null. */
function limitOf(value: unknown): PostMortem["limit"] {
  if (!isObject(value)) return null;
  const { limit, value: measured = null, max } = value;
  if (typeof limit !== "string" || typeof max !== "number") return null;
  return { limit, value: numberOf(measured) ?? Infinity, max };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
