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

/**
 * What is wrong with the list of all msg_ids of one session: some missing, double or another's. A client's own questions to the hub take numbers
 * too, so that a number between two tasks may be no task's: the count says whether one is missing, the items of a sample by their places, and the hub that no
 * task has such a number.
 */
export function idProblems(ids: readonly string[], expected: { session: string; count: number }): string[] {
  const problems: string[] = [];
  if (ids.length !== expected.count) problems.push(`${ids.length} records in place of ${expected.count}`);
  const stranger = ids.find((id) => !id.startsWith(`${expected.session}_`));
  if (stranger !== undefined) problems.push(`"${stranger}" is of another session`);
  const numbers = Float64Array.from(ids, numberOf).sort();
  const double = numbers.find((n, i) => n === numbers[i - 1]);
  if (double !== undefined) problems.push(`${double} is there twice`);
  return problems;
}

/** The msg_ids between the first and the last that are no record's: the client's own questions, if the records are right. */
export function gapsOf(ids: readonly string[]): string[] {
  const there = new Set(ids), gaps: string[] = [];
  const first = ids[0];
  if (first === undefined) return gaps;
  const prefix = first.slice(0, first.lastIndexOf("_") + 1),
    numbers = Float64Array.from(ids, numberOf).sort();
  for (let n = numbers[0]! + 1; n < numbers.at(-1)!; n++) {
    if (!there.has(prefix + n)) gaps.push(prefix + n);
  }
  return gaps;
}

/** The item of each msg_id: its place among all. */
export function placesOf(ids: readonly string[]): ReadonlyMap<string, number> {
  return new Map(ids.toSorted((a, b) => numberOf(a) - numberOf(b)).map((id, place) => [id, place]));
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
