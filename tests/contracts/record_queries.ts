/** Random records and random queries: every store has to answer as the plain evaluator of `plain_query.ts` does. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseQuery } from "../../src/hub/query_match.ts";
import { RECORD_KEYS } from "../../src/hub/record_keys.ts";
import type { RecordContext, RecordStore } from "../../src/hub/records.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, KIND, OP, STATUS, TASK_FLAG } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { isAsked } from "./plain_query.ts";
import type { OpenStore } from "./records.ts";

/** Few values, so that random queries find something. */
const TIMES = [
  1_764_000_000_000_000,
  1_764_000_000_000_001,
  1_764_000_000_123_456,
  1_764_000_001_000_000,
] as const;
const TIME_TEXTS = [
  "2025-11-24T16:00:00Z",
  "2025-11-24T17:00:00.000000+01:00",
  "2025-11-24T16:00:00.000001Z",
  "2025-11-24T16:00:00.123456+00:00",
  "2025-11-24T14:00:01-02:00",
];
const TEXTS = ["", "a", "ab", "b-1", "2025-11-24T16:00:00Z", "é*", "😀b"] as const;
const ENGINES = ["e0", "e1", "2025-11-24T16:00:00Z"] as const;

const text = fc.constantFrom(...TEXTS);
const time = fc.constantFrom(...TIMES);
const label = fc.oneof(text, fc.constantFrom(null, 3, 7));

/** A task of a group. */
const group = fc.record({
  kind: fc.constant("group" as const),
  route: fc.constantFrom("task" as const, "mux" as const),
  op: fc.constantFrom(OP.apply, OP.execute),
  submitted: time,
  label,
  retries: fc.constantFrom(0, 1, 5),
  priority: fc.constantFrom(undefined, 0, 3, -7, 1000),
  code: text,
  engine: fc.constantFrom(0, 1, 2),
  result: fc.option(
    fc.record({ status: fc.constantFrom(STATUS.ok, STATUS.error, STATUS.aborted), completed: time }),
  ),
  stdout: fc.option(text),
});

/** A task of a peer. */
const peer = fc.record({
  kind: fc.constant("peer" as const),
  fields: fc.record({
    header: fc.record({ msg_type: text, date: fc.constantFrom(...TIME_TEXTS) }),
    metadata: fc.record({ label, retries: fc.constantFrom(0, 1, 5), list: fc.array(text, { maxLength: 3 }) }),
    content: fc.record({ code: text }),
    submitted: fc.option(time),
    client_uuid: text,
    engine_uuid: fc.option(fc.constantFrom(...ENGINES)),
    queue: fc.constantFrom("task" as const, "mux" as const),
  }),
  result: fc.option(fc.record({
    result_content: fc.record({ status: fc.constantFrom("ok", "error") }),
    completed: time,
    started: fc.option(time),
    received: time,
  })),
  stdout: fc.option(text),
  resubmitted: fc.option(text, { freq: 3 }),
});

type Task = typeof group extends fc.Arbitrary<infer G>
  ? typeof peer extends fc.Arbitrary<infer P> ? G | P : never
  : never;

const textKey = fc.constantFrom(
  "msg_id",
  "client_uuid",
  "engine_uuid",
  "resubmitted",
  "queue",
  "execute_input",
  "stdout",
  "label",
  "status",
);
const timeKey = fc.constantFrom("submitted", "started", "completed", "received");
const deepKey = fc.constantFrom(
  "metadata.retries",
  "metadata.label",
  "metadata.list",
  "content.code",
  "header.date",
  "result_content.status",
);
const timeText = fc.constantFrom(...TIME_TEXTS);
const textValue = fc.oneof(
  text,
  fc.constantFrom("p_0", "s_1_1", "s_1_2", "task", "mux", "ok", "waiting", "assigned", "s", ...ENGINES),
);
const value = fc.oneof(textValue, timeText, fc.constantFrom(null, 0, 1, 3, 7));

const orders = <T>(argument: fc.Arbitrary<T>) =>
  fc.dictionary(fc.constantFrom("$lt", "$lte", "$gt", "$gte"), argument, { minKeys: 1, maxKeys: 2 });
const tests = fc.oneof(
  value,
  fc.record({ $eq: value }),
  fc.record({ $ne: value }),
  fc.record({ $in: fc.array(value, { maxLength: 4 }) }),
  fc.record({ $nin: fc.array(value, { maxLength: 4 }) }),
  fc.record({ $exists: fc.boolean() }),
  fc.record({ $mod: fc.constantFrom([2, 1], [4, 3], [-2, -1], [3, 0]) }),
  fc.record({ $all: fc.array(fc.oneof(text, fc.array(value, { maxLength: 2 })), { maxLength: 2 }) }),
  fc.constant({}),
);
const glob = fc.record({ $glob: fc.constantFrom("*", "a*", "?", "?b", "*-?", "s_1_*", "2025*", "ta?k", "") });
const entry = fc.oneof(
  fc.tuple(textKey, fc.oneof(tests, glob, orders(textValue))),
  fc.tuple(fc.constant("priority"), fc.oneof(tests, orders(fc.constantFrom(-7, 0, 1, 3)))),
  fc.tuple(timeKey, fc.oneof(tests, orders(timeText))),
  fc.tuple(deepKey, fc.oneof(tests, glob, orders(fc.oneof(textValue, fc.constantFrom(0, 1, 4))))),
);
const query = fc.array(entry, { maxLength: 3 }).map((entries) => Object.fromEntries(entries));

/** Registers the test. @param runs how many sets of records, with ten queries each */
export function testRecordQueries(
  name: string,
  open: (context: RecordContext) => OpenStore | Promise<OpenStore>,
  options: { readonly ignore?: boolean; readonly runs: number },
): void {
  Deno.test({
    name: `${name}: answers random queries over random records as the plain evaluator does`,
    ignore: options.ignore ?? false,
    async fn() {
      const records = fc.array(fc.oneof(group, peer), { minLength: 1, maxLength: 12 });
      const property = fc.asyncProperty(
        records,
        fc.array(query, { minLength: 10, maxLength: 10 }),
        async (tasks, queries) => {
          const store = await open({ engineOf: () => null });
          try {
            await fill(store, tasks);
            await compare(store, queries);
          } finally {
            await store.close();
            store[Symbol.dispose]?.();
          }
        },
      );
      await fc.assert(property, { numRuns: options.runs, endOnFailure: true });
    },
  });
}

async function compare(store: RecordStore, queries: readonly Record<string, unknown>[]): Promise<void> {
  const shown = RECORD_KEYS.filter((key) => key !== "buffers" && key !== "result_buffers");
  const all = (await store.find([], 1000)).map((record) =>
    Object.fromEntries(shown.map((key) => [key, record.field(key)]))
  );
  for (const query of queries) {
    // Only what is tested is read: a store that leaves out more than it may is found out.
    const found = (await store.find(parseQuery(query), 1000, ["msg_id"])).map((record) => record.msgId);
    const expected = all.filter((record) => isAsked(query, record)).map((record) => record["msg_id"]);
    assert.deepEqual(found, expected, JSON.stringify(query));
  }
}

async function fill(store: RecordStore, tasks: readonly Task[]): Promise<void> {
  const client = await store.clients.index("s", 1, "me");
  ENGINES.forEach((uuid, id) => store.engine(id, uuid));
  let n = 0;
  for (const [i, task] of tasks.entries()) {
    if (task.kind === "group") putGroup(store, client, ++n, task);
    else {
      store.put(`p_${i}`, { ...task.fields, header: { ...task.fields.header, msg_id: `p_${i}` } });
      if (task.stdout !== null) store.output(`p_${i}`, { kind: "stdout", text: task.stdout });
      if (task.result) store.put(`p_${i}`, task.result);
      if (task.resubmitted !== null) store.put(`p_${i}`, { resubmitted: task.resubmitted });
    }
    if (i % 5 === 4) await store.commit();
  }
}

const HEADER = { origin: 1, seq: 1, nonce: 1n, acked: 0, committed: 0, window: 0 };
const noSign = () => {};

function putGroup(
  store: RecordStore,
  client: number,
  n: number,
  task: Extract<Task, { kind: "group" }>,
): void {
  const tail = new TextEncoder().encode(
    JSON.stringify({ label: task.label, retries: task.retries, priority: task.priority }),
  );
  const body = new Uint8Array([...encodeValue({ code: task.code }).body, ...tail]);
  const writer = new GroupWriter();
  writer.task(n, client, 0, task.op, TASK_FLAG.tail, 0, tail.length, n, task.submitted / 1000, body);
  const target = task.route === "mux" ? task.engine : ANY;
  store.takeTasks(writer.close({ ...HEADER, kind: KIND.tasks, target }, noSign).slice(), task.route);
  if (task.stdout !== null) store.output(`s_1_${n}`, { kind: "stdout", text: task.stdout });
  if (!task.result) return;
  writer.reset();
  const { status, completed } = task.result;
  const value = encodeValue({ ename: "E", evalue: "v", traceback: [] }).body;
  writer.result(n, client, status, 0, 0, task.engine, 0, n, 0, completed / 1000, completed / 1000, value);
  store.takeResults(writer.close({ ...HEADER, kind: KIND.results, target: ANY }, noSign).slice(), completed);
}
