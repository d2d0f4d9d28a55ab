/**
 * What is known of a task that did not end well, as its result's tail and its record tell it (PROTOCOL.md, "Tails"). Everything in it was seen by the host
 * from outside, but for the last output, which is the task's own.
 */
import { toJson } from "../protocol/permissions.ts";
import type { Usage } from "./child_usage.ts";
import type { By, EndedBy, Ending } from "./core_types.ts";
import type { ChildKey } from "./grants.ts";
import type { LimitHit } from "./task_limits.ts";

/** What an end is made of. */
export interface Death {
  readonly endedBy: EndedBy;
  /** How its child ended, if it did. */
  readonly end: Ending | null;
  readonly limit: LimitHit | null;
  readonly by: By | null;
  /** 0: it never started. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly usage: Usage;
  readonly lastOutput: string;
  readonly key: ChildKey;
  readonly sandbox: string;
}

/** An act that was not allowed, as the slot's runtime told it. */
export interface DeniedAct {
  readonly permission: string;
  readonly value: string;
  readonly times: number;
  readonly where: string;
}

/** The same as JSON. */
export interface PostMortem {
  readonly ended_by: EndedBy;
  readonly exit_code: number | null;
  readonly signal: number | null;
  readonly limit: LimitHit | null;
  readonly run_ms: number;
  readonly cpu_ms: number;
  readonly peak_memory_mb: number;
  readonly denied: readonly DeniedAct[];
  readonly last_output: string;
  readonly by: By | null;
  readonly permissions: unknown;
  readonly isolation: string;
  readonly sandbox: string;
}

/** Permissions as JSON, made once for each set. */
const permissionsOf = new WeakMap<object, unknown>();

export function postMortemOf(death: Death, denied: readonly DeniedAct[] = []): PostMortem {
  const { endedBy, end, limit, by, startedAt, finishedAt, usage, lastOutput, key, sandbox } = death;
  const hasStarted = startedAt > 0;
  return {
    ended_by: endedBy,
    exit_code: end?.code ?? null,
    signal: end?.signal ?? null,
    limit,
    run_ms: hasStarted ? rounded(Math.max(0, finishedAt - startedAt)) : 0,
    cpu_ms: rounded(usage.cpuMs),
    peak_memory_mb: rounded(usage.peakBytes / 2 ** 20),
    denied,
    last_output: lastOutput,
    by,
    permissions: jsonOf(key),
    isolation: key.isolation,
    sandbox,
  };
}

/** A key's permissions as records name them. */
export function jsonOf({ permissions }: ChildKey): unknown {
  let json = permissionsOf.get(permissions);
  if (json === undefined) permissionsOf.set(permissions, json = toJson(permissions));
  return json;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
