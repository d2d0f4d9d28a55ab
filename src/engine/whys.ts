/**
 * Why a task is stopped or taken back, with the words that its client reads. Pure.
 */
import { type By, cancelText } from "../protocol/by.ts";
import { STATUS } from "../protocol/groups.ts";
import type { EndedBy } from "../protocol/post_mortem.ts";
import type { Answer, Ending, Why } from "./core_types.ts";
import { type LimitHit, limitText } from "./task_limits.ts";
import type { TaskTable } from "./task_table.ts";

const SILENT = {
  kill: false,
  status: 0,
  ename: "",
  evalue: "",
  limit: null,
  endedBy: "engine",
  by: null,
} as const;

/** The scheduler wants it back. */
export const RECALLED: Why = { ...SILENT, then: "return" };
/** Nobody waits for its answer any more. */
export const FORGOTTEN: Why = { ...SILENT, then: "drop" };

export function exceeded(hit: LimitHit): Why {
  return {
    then: "answer",
    kill: true,
    status: STATUS.error,
    ename: "LimitExceeded",
    evalue: limitText(hit),
    limit: hit,
    endedBy: "limit",
    by: null,
  };
}

const ITS_CLIENT: By = { who: "its client", why: "" };

/** How far a task had come when it was cancelled. */
export type Stage = "waiting" | "running" | "heeded";

const STAGE_TEXT: Readonly<Record<Stage, string>> = {
  waiting: "",
  running: " while it ran: its process was killed, and the namespace with it",
  heeded: " while it ran: it ended by itself, and the namespace is kept",
};

/** Aborted, as the wire calls it: only before it starts. */
export const ABORTED: Why = {
  ...SILENT,
  then: "answer",
  status: STATUS.aborted,
  ename: "TaskAborted",
  evalue: "Aborted before it ran",
  endedBy: "cancel",
};

/** Somebody stops it, in any state. */
export function cancelled(stage: Stage, by: By | undefined): Why {
  return { ...stopped(cancelText(by, STAGE_TEXT[stage])), isGraceful: true, by: by ?? ITS_CLIENT };
}

/** @param how by what; it ran without a pause, or a restart was asked for */
export function interrupted(how: string): Why {
  return {
    ...stopped(`Interrupted by ${how} while it computed: its process was killed, and the namespace with it`),
    by: { who: how, why: "" },
  };
}

function stopped(evalue: string): Why {
  return {
    then: "answer",
    kill: true,
    status: STATUS.cancelled,
    ename: "TaskCancelled",
    evalue,
    limit: null,
    endedBy: "cancel",
    by: null,
  };
}

/** Its engine or child ended under it. `detail` says how. */
export function lost(
  engine: string,
  detail: string,
  hasStarted: boolean,
  endedBy: EndedBy = "engine",
): Why {
  const why = lowerFirst(detail);
  const evalue = hasStarted
    ? `${engine} lost the task while it ran: ${why}; it may have run`
    : `${engine} lost the task before it ran: ${why}`;
  return { ...SILENT, then: "answer", status: STATUS.lost, ename: "EngineError", evalue, endedBy };
}

/**
 * Its child ended by itself.
 * @param memoryLimitMB how much memory it could have had
 * @param tries so many children in a row ended with the task in hand
 */
export function childEnded(
  engine: string,
  { detail, endedBy, memoryMB }: Ending,
  hasStarted: boolean,
  memoryLimitMB: number,
  tries: number,
): Why {
  if (!hasStarted) return lost(engine, `${detail}, ${tries} times`, false, endedBy);
  if (memoryMB === null) return lost(engine, detail, true, endedBy);
  return exceeded({ limit: "memory", value: memoryMB, max: memoryLimitMB });
}

/** No child can be started for it. */
export function unstartable(engine: string, detail: string): Why {
  const evalue = `${engine} cannot start a process for tasks: ${lowerFirst(detail)}`;
  return { ...SILENT, then: "answer", status: STATUS.error, ename: "EngineError", evalue };
}

/** No child can hold what it is to have. */
export function denied(evalue: string): Why {
  return { ...SILENT, then: "answer", status: STATUS.error, ename: "PermissionDenied", evalue };
}

/** What the task's client is told. */
export function answerOf(
  table: TaskTable,
  place: number,
  ticket: number,
  why: Why,
  { end, peer }: Pick<Answer, "end" | "peer">,
): Answer {
  return {
    kind: "answer",
    op: table.op[place]!,
    client: table.client[place]!,
    n: table.n[place]!,
    seq: table.seq[place]!,
    route: table.route[place]!,
    status: why.status,
    ename: why.ename,
    evalue: why.evalue,
    limit: why.limit,
    endedBy: why.endedBy,
    by: why.by,
    startedAt: table.startedAt[place]!,
    ticket,
    end,
    lane: table.lane[place]!,
    peer,
  };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
