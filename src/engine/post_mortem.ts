/**
 * What is known of a task that did not end well, as its result's tail and its record tell it (PROTOCOL.md, "Tails"). Everything in it was seen by the host
 * from outside, but for the last output, which is the task's own.
 */
import type { By } from "../protocol/by.ts";
import type { DeniedAct, EndedBy } from "../protocol/post_mortem.ts";
import { toJson } from "../protocol/permissions.ts";
import type { Usage } from "./child_usage.ts";
import type { Ending } from "./core_types.ts";
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
  readonly denied: readonly DeniedAct[];
}

/** The same as JSON; what is not known, or was not so, is absent. */
export interface PostMortem {
  readonly ended_by: EndedBy;
  readonly exit_code?: number;
  readonly signal?: number;
  readonly limit?: LimitHit;
  readonly run_ms: number;
  readonly cpu_ms: number;
  readonly peak_memory_mb: number;
  readonly denied: readonly DeniedAct[];
  readonly last_output: string;
  readonly by?: By;
  readonly permissions: unknown;
  readonly isolation: string;
  readonly sandbox: string;
}

/** Permissions as JSON, made once for each set. */
const permissionsOf = new WeakMap<object, unknown>();

export function postMortemOf(death: Death): PostMortem {
  const { endedBy, end, limit, by, startedAt, finishedAt, usage, lastOutput, key, sandbox, denied } = death;
  const hasStarted = startedAt > 0;
  return {
    ended_by: endedBy,
    ...(end === null || end.code === null ? {} : { exit_code: end.code }),
    ...(end === null || end.signal === null ? {} : { signal: end.signal }),
    ...(limit === null ? {} : { limit }),
    run_ms: hasStarted ? rounded(Math.max(0, finishedAt - startedAt)) : 0,
    cpu_ms: rounded(usage.cpuMs),
    peak_memory_mb: rounded(usage.peakBytes / 2 ** 20),
    denied,
    last_output: lastOutput,
    ...(by === null ? {} : { by }),
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
