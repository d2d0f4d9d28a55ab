/**
 * The record key `post_mortem`: what engine host and scheduler have told, completed by what the record itself shows.
 */
import type { GroupResult, PeerRow } from "./record_view.ts";
import { isObject } from "./query_match.ts";

/** What a record shows of a task's end. Times are microseconds. */
interface Ended {
  /** As in the record: `error`, `aborted`, `cancelled`, `lost`, `ok`. */
  readonly status: string;
  readonly ename: unknown;
  /** What the result's tail says. */
  readonly told: unknown;
  readonly engine: unknown;
  readonly engineUuid: string | null;
  readonly started: number | null;
  readonly completed: number | null;
}

/** Of a group's task that has ended. @param statuses words by number */
export function groupPostMortem(
  result: GroupResult,
  statuses: readonly string[],
  tail: Readonly<Record<string, unknown>>,
): unknown {
  return postMortemField({
    status: statuses[result.status] ?? "error",
    ename: undefined,
    told: tail["post_mortem"],
    engine: tail["engine_info"],
    engineUuid: result.engineUuid,
    started: result.started,
    completed: result.completed ?? result.received,
  });
}

/** What the scheduler says of a peer's task beside its own reply. */
function toldOf({ result_metadata }: PeerRow): unknown {
  const more = result_metadata?.["tsparallel"];
  return isObject(more) ? more["post_mortem"] : undefined;
}

/** The record key `status` of a peer's task. */
export function peerStatus(row: PeerRow): unknown {
  const { result_content: said, completed, engine_uuid } = row;
  if (said?.["ename"] === "TaskCancelled" && isObject(toldOf(row))) return "cancelled";
  return said?.["status"] ?? (completed ? "ok" : engine_uuid ? "assigned" : "waiting");
}

/** The key `post_mortem` of a peer's task: Python's engines tell nothing beside the error. */
export function peerPostMortem(row: PeerRow): unknown {
  const { result_content: said, engine_uuid = null, started = null, completed = null } = row;
  if (said === undefined || said === null) return null;
  return postMortemField({
    status: String(peerStatus(row)),
    ename: said["ename"],
    told: toldOf(row),
    engine: said["engine_info"],
    engineUuid: engine_uuid,
    started,
    completed,
  });
}

/** Null where a task went well at the first try. */
function postMortemField(ended: Ended): unknown {
  const { status, told } = ended;
  const known = isObject(told) ? told : {};
  if (status === "ok") return isObject(told) ? told : null;
  return { ended_by: endedBy(ended), ...known, attempts: known["attempts"] ?? attempt(ended) };
}

function endedBy({ status, ename }: Ended): string {
  if (status === "aborted" || status === "cancelled") return "cancel";
  return status === "lost" || ename === "EngineError" ? "engine" : "error";
}

function attempt({ status, engine, engineUuid, started, completed }: Ended): object[] {
  if (engineUuid === null || engineUuid === "" || status === "aborted") return [];
  const id = isObject(engine) && typeof engine["engine_id"] === "number"
    ? { engine_id: engine["engine_id"] }
    : {};
  return [{
    ...id,
    engine_uuid: engineUuid,
    ...(started === null ? {} : { started: Math.round(started / 1000) }),
    ended: completed === null ? null : Math.round(completed / 1000),
    outcome: status,
  }];
}
