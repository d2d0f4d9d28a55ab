/**
 * Results that the scheduler makes itself, for tasks that no engine will answer.
 */
import { jsonText } from "../base/json.ts";
import type { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, RESULT_FLAG, STATUS } from "../protocol/groups.ts";
import type { EndedBy } from "../protocol/post_mortem.ts";
import { encodeValue } from "../protocol/values.ts";
import { Attempts } from "./attempts.ts";
import type { Action } from "./events.ts";

/** The end of a task that the scheduler decided. */
export type Answer = Omit<Extract<Action, { kind: "answer" }>, "kind" | "peer">;

const encoder = new TextEncoder();

const ENDED_BY: Readonly<Record<string, EndedBy>> = {
  TaskAborted: "cancel",
  TaskCancelled: "cancel",
  TaskTimeout: "timeout",
  ImpossibleDependency: "dependency",
  InvalidDependency: "dependency",
  PermissionDenied: "denied",
  EngineError: "engine",
};

/** What is known of a task that the scheduler ended, as it stands in its result's tail. */
export function postMortemOf(answer: Answer, uuid: string | undefined, at: number): object {
  const { status, ename, engine: id, by, denied, attempts } = answer;
  const isLost = status === STATUS.lost && id >= 0;
  const list = isLost
    ? (attempts ?? new Attempts()).with({ id, uuid: uuid ?? "" }, { status, started: 0 }, at)
    : attempts?.all;
  return {
    ended_by: ENDED_BY[ename] ?? "refused",
    ...(by === undefined ? {} : { by }),
    ...(denied === undefined ? {} : { denied: [{ ...denied, times: 1 }] }),
    ...list,
  };
}

/**
 * Writes the answer as a result record; its tail says what was denied and what else is known.
 * @param uuid of the engine that had it
 */
export function writeAnswer(
  writer: GroupWriter,
  answer: Answer,
  uuid: string | undefined,
  at: number,
): number {
  const { client, n, seq, status, ename, evalue, denied } = answer;
  const { body } = encodeValue({ ename, evalue, traceback: [] });
  const post_mortem = postMortemOf(answer, uuid, at);
  const tail = encoder.encode(jsonText({ ...(denied === undefined ? {} : { denied }), post_mortem }));
  const whole = new Uint8Array(body.length + tail.length);
  whole.set(body);
  whole.set(tail, body.length);
  const engine = answer.engine < 0 ? ANY : answer.engine;
  return writer.result(n, client, status, RESULT_FLAG.tail, 0, engine, tail.length, seq, 0, 0, at, whole);
}
