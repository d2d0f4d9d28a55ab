/**
 * Results that the scheduler makes itself, for tasks that no engine will answer.
 */
import type { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, RESULT_FLAG } from "../protocol/groups.ts";
import { encodeValue } from "../protocol/values.ts";
import type { Action } from "./events.ts";

type Answer = Omit<Extract<Action, { kind: "answer" }>, "kind" | "peer">;

const encoder = new TextEncoder();

/** Writes the answer as a result record; what was denied stands in its tail. */
export function writeAnswer(writer: GroupWriter, answer: Answer, at: number): number {
  const { client, n, seq, status, ename, evalue, denied } = answer;
  const { body } = encodeValue({ ename, evalue, traceback: [] });
  const tail = denied === undefined ? new Uint8Array(0) : encoder.encode(JSON.stringify({ denied }));
  const flags = denied === undefined ? 0 : RESULT_FLAG.tail;
  const whole = new Uint8Array(body.length + tail.length);
  whole.set(body);
  whole.set(tail, body.length);
  const engine = answer.engine < 0 ? ANY : answer.engine;
  return writer.result(n, client, status, flags, 0, engine, tail.length, seq, 0, 0, at, whole);
}
