/** Whether the hub's records of a map of no-ops are right: all there, each once and through, and a sample of them in every field. */

import { readValue } from "../../src/protocol/values.ts";

/** What the public query gives of a task. */
export type Row = Readonly<Record<string, unknown>>;

/** The fields that a sample is asked for. */
export const SAMPLED_KEYS: readonly string[] = [
  "msg_id",
  "submitted",
  "started",
  "completed",
  "received",
  "engine_uuid",
  "client_uuid",
  "status",
  "queue",
  "buffers",
  "result_buffers",
];

/** What a sample is held against. */
export interface Expected {
  readonly session: string;
  readonly engines: ReadonlySet<string>;
  /** The item that a task of this msg_id had. */
  readonly itemOf: (msgId: string) => number;
}

/** The number in front of which a msg_id has its session and process: the last part. */
export function numberOf(msgId: string): number {
  return Number(msgId.slice(msgId.lastIndexOf("_") + 1));
}

/** What is wrong with the list of all msg_ids of one session: some missing, double or not dense. */
export function idProblems(ids: readonly string[], expected: { session: string; count: number }): string[] {
  const problems: string[] = [];
  if (ids.length !== expected.count) problems.push(`${ids.length} records in place of ${expected.count}`);
  const stranger = ids.find((id) => !id.startsWith(`${expected.session}_`));
  if (stranger !== undefined) problems.push(`"${stranger}" is of another session`);
  const numbers = Float64Array.from(ids, numberOf).sort();
  const gap = numbers.findIndex((n, i) => i > 0 && n !== numbers[i - 1]! + 1);
  if (gap > 0) {
    const [before, after] = [numbers[gap - 1], numbers[gap]];
    problems.push(before === after ? `${after} is there twice` : `after ${before} comes ${after}`);
  }
  return problems;
}

/** What is wrong with one record of a sample. */
export function rowProblems(row: Row, { session, engines, itemOf }: Expected): string[] {
  const id = String(row["msg_id"]);
  const item = itemOf(id);
  const expected: [string, unknown, unknown][] = [
    ["argument", argumentOf(row), item],
    ["result", row["result"], item + 1],
    ["status", row["status"], "ok"],
    ["queue", row["queue"], "task"],
    ["client_uuid", row["client_uuid"], session],
    ["an engine of this cluster", engines.has(String(row["engine_uuid"])), true],
    ["times in order", timesInOrder(row), true],
  ];
  return expected.filter(([, found, wanted]) => found !== wanted)
    .map(([what, found, wanted]) => `${id}: ${what} is ${found} in place of ${wanted}`);
}

function argumentOf({ buffers }: Row): unknown {
  const body: unknown = Array.isArray(buffers) ? buffers.at(-1) : undefined;
  if (!(body instanceof Uint8Array)) return undefined;
  const args = readValue(body);
  return Array.isArray(args) ? args[0] : undefined;
}

/** The texts are all of one form, in UTC, so that they sort as they follow each other. */
function timesInOrder(row: Row): boolean {
  const times = ["submitted", "started", "completed", "received"].map((key) => row[key]);
  return times.every((time, i) => typeof time === "string" && (i === 0 || String(times[i - 1]) <= time));
}
