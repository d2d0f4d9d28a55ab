/**
 * Why a task is stopped or taken back, with the words that its client reads. Pure.
 */
import { STATUS } from "../protocol/groups.ts";
import type { Answer, Why } from "./core_types.ts";
import { type LimitHit, limitText } from "./task_limits.ts";
import type { TaskTable } from "./task_table.ts";

const SILENT = { kill: false, status: 0, ename: "", evalue: "", limit: null } as const;

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
  };
}

/** Its client stops it: in any state, or only before it starts. */
export function cancelled(waitingOnly: boolean, isRunning: boolean): Why {
  if (waitingOnly) {
    return {
      ...SILENT,
      then: "answer",
      status: STATUS.aborted,
      ename: "TaskAborted",
      evalue: "Aborted before it ran",
    };
  }
  return stopped(
    isRunning
      ? "Cancelled by its client while it ran: its process was killed, and the namespace with it"
      : "Cancelled by its client",
  );
}

/** @param how by what; it ran without a pause, or a restart was asked for */
export function interrupted(how: string): Why {
  return stopped(
    `Interrupted by ${how} while it computed: its process was killed, and the namespace with it`,
  );
}

function stopped(evalue: string): Why {
  return {
    then: "answer",
    kill: true,
    status: STATUS.cancelled,
    ename: "TaskCancelled",
    evalue,
    limit: null,
  };
}

/** Its engine or child ended under it. `detail` says how. */
export function lost(engine: string, detail: string, hasStarted: boolean): Why {
  const why = lowerFirst(detail);
  const evalue = hasStarted
    ? `${engine} lost the task while it ran: ${why}; it may have run`
    : `${engine} lost the task before it ran: ${why}`;
  return { ...SILENT, then: "answer", status: STATUS.lost, ename: "EngineError", evalue };
}

/**
 * Its child ended by itself.
 * @param memoryLimitMB set if the child ran out of memory
 * @param tries so many children in a row ended with the task in hand
 */
export function childEnded(
  engine: string,
  detail: string,
  hasStarted: boolean,
  memoryLimitMB: number | null,
  tries: number,
): Why {
  if (!hasStarted) return lost(engine, `${detail}, ${tries} times`, false);
  if (memoryLimitMB === null) return lost(engine, detail, true);
  return exceeded({ limit: "memory", value: Infinity, max: memoryLimitMB });
}

/** No child can be started for it. */
export function unstartable(engine: string, detail: string): Why {
  const evalue = `${engine} cannot start a process for tasks: ${lowerFirst(detail)}`;
  return { ...SILENT, then: "answer", status: STATUS.error, ename: "EngineError", evalue };
}

/** What the task's client is told. */
export function answerOf(table: TaskTable, place: number, ticket: number, why: Why, peer: unknown): Answer {
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
    startedAt: table.startedAt[place]!,
    ticket,
    peer,
  };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
