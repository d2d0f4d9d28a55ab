import assert from "node:assert/strict";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import type { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, emptyTask, KIND, OP } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { PutValues } from "../../src/client/put_values.ts";
import { DefinitionIds } from "../../src/client/definition_ids.ts";
import { PATH_BOUNDS, type PathHost, TaskPath } from "../../src/client/path.ts";
import { TaskState } from "../../src/client/task_state.ts";
import { Assembler } from "../../src/client/assembler.ts";

/** The other end of a path: keeps what leaves. */
class Ends implements PathHost {
  readonly values = new PutValues();
  by(reason: unknown) {
    return { who: "a test", why: String(reason ?? "") };
  }

  readonly client = 1;
  readonly card = encodeValue({ kind: "client" }).body;
  readonly isEnded = false;
  readonly isBroken = false;
  mended = () => Promise.resolve();
  readonly ids: DefinitionIds;
  readonly records: { n: number; op: number; definition: number }[] = [];
  readonly kinds: number[] = [];
  readonly refused: number[] = [];
  readonly path: TaskPath;
  seq = 0;
  #n = 0;
  #later: TaskPath[] = [];

  constructor(confirms: boolean, ids = new DefinitionIds()) {
    this.ids = ids;
    this.path = new TaskPath(this, {
      target: ANY,
      prefix: [],
      confirms,
      send: (frames) => this.#take(frames[0]!),
      sendLarge: () => this.kinds.push(KIND.chunk),
    });
  }

  #take(frame: Uint8Array): void {
    const reader = new GroupReader();
    const { kind } = reader.open(frame.slice());
    this.kinds.push(kind);
    const record = emptyTask();
    if (kind === KIND.tasks) {
      while (reader.task(record)) {
        this.records.push({ n: record.n, op: record.op, definition: record.definition });
      }
    }
  }

  nextN(): number {
    return ++this.#n;
  }
  seal(writer: GroupWriter, kind: number, target: number): Uint8Array {
    const header = { kind, origin: 1, seq: ++this.seq, target, nonce: 0n, acked: 0, committed: 0, window: 0 };
    return writer.close(header, () => {});
  }
  flushLater(path: TaskPath): void {
    this.#later.push(path);
  }
  flush(): void {
    for (const path of this.#later.splice(0)) path.flush();
  }
  opened(): void {}
  refuse(task: TaskState): void {
    this.refused.push(task.n);
    task.status = 2;
    this.path.finished(task);
  }
  failed(): void {}
  turn(): Promise<void> {
    return Promise.resolve();
  }
}

const owner = { fulfilled: () => {}, rejected: () => {} };

function submit(ends: Ends, key: string | null, body: Uint8Array = new Uint8Array(8)): TaskState {
  const task = new TaskState(owner, 0, ends.path, undefined);
  const definition = key === null ? null : { key, body: encodeValue(key).body };
  ends.path.submit(task, { op: OP.apply, definition, body, buffers: [], tail: null });
  return task;
}

function finish(ends: Ends, task: TaskState): void {
  task.status = 0;
  ends.path.finished(task);
}

Deno.test("a path holds back what its window has no room for", () => {
  const ends = new Ends(true);
  const { windowTasks } = PATH_BOUNDS;
  for (let i = 0; i < windowTasks + 10; i++) submit(ends, null);
  ends.flush();
  const sent = () => ends.records.filter(({ op }) => op === OP.apply).length;
  assert.equal(sent(), windowTasks);
  assert.equal(ends.path.load.waiting, 10);
  ends.path.accepted(1);
  ends.flush();
  assert.equal(sent(), windowTasks + 10);
  assert.deepEqual(ends.path.load.waiting, 0);
});

Deno.test("the window counts bytes too, and one large task is always let through", () => {
  const ends = new Ends(true);
  const body = new Uint8Array(250 << 10);
  for (let i = 0; i < 300; i++) submit(ends, null, body);
  ends.flush();
  assert.equal(ends.records.filter(({ op }) => op === OP.apply).length, 262);
  ends.path.accepted(ends.seq);
  ends.flush();
  assert.equal(ends.path.load.waiting, 0);
});

Deno.test("without confirmations results free the window", () => {
  const ends = new Ends(false);
  const first = submit(ends, null);
  for (let i = 1; i < PATH_BOUNDS.windowTasks; i++) submit(ends, null);
  const last = submit(ends, null);
  assert.equal(ends.path.load.waiting, 1);
  finish(ends, first);
  assert.equal(ends.path.load.waiting, 0);
  assert.equal(last.isSent, true);
});

Deno.test("ids of functions are used again only when none of their tasks is open", () => {
  const ends = new Ends(true, new DefinitionIds(100));
  const tasks = Array.from({ length: 100 }, (_, i) => submit(ends, `f${i}`));
  const late = submit(ends, "one more");
  assert.equal(ends.path.load.waiting, 1);
  finish(ends, tasks[17]!);
  assert.equal(ends.path.load.waiting, 0);
  assert.equal(late.definition, tasks[17]!.definition);
  // The function that lost its id is defined anew, under that of another one without open tasks.
  finish(ends, tasks[40]!);
  const again = submit(ends, "f17");
  assert.equal(again.definition, tasks[40]!.definition);
  ends.flush();
  const defined = ends.records.filter(({ op }) => op === OP.define).map(({ definition }) => definition);
  assert.equal(defined.length, 1 + 100 + 2);
});

Deno.test("two ways never give one id to different functions, and tell each other when one is free", () => {
  const ids = new DefinitionIds(2);
  const [a, b] = [new Ends(true, ids), new Ends(false, ids)];
  const [f, g] = [submit(a, "f"), submit(b, "g")];
  assert.notEqual(f.definition, g.definition);
  assert.equal(submit(b, "f").definition, f.definition);
  const h = submit(a, "h");
  assert.equal(h.isSent, false);
  finish(b, g);
  assert.deepEqual([h.isSent, h.definition], [true, g.definition]);
  for (const ends of [a, b]) ends.flush();
  const defined = (ends: Ends) =>
    ends.records.filter(({ op }) => op === OP.define).map((one) => one.definition);
  assert.deepEqual([defined(a), defined(b)], [[0, 1, 2], [0, 2, 1]]);
});

Deno.test("an engine that came anew gets its definitions again", () => {
  const ends = new Ends(false);
  submit(ends, "f");
  ends.path.reset();
  submit(ends, "f");
  ends.flush();
  const defined = ends.records.filter(({ op }) => op === OP.define).map(({ definition }) => definition);
  assert.deepEqual(defined, [0, 1, 0, 1]);
});

Deno.test("stopping a task that waits for room ends it here", () => {
  const ends = new Ends(true);
  for (let i = 0; i < PATH_BOUNDS.windowTasks; i++) submit(ends, null);
  const [a, b] = [submit(ends, null), submit(ends, null)];
  ends.path.stop([a], "abort");
  assert.deepEqual(ends.refused, [a.n]);
  assert.ok(!ends.kinds.includes(KIND.cancel));
  ends.path.accepted(ends.seq);
  ends.flush();
  const numbers = ends.records.map(({ n }) => n);
  assert.ok(numbers.includes(b.n) && !numbers.includes(a.n));
});

Deno.test("pieces of results that do not follow one another are refused", () => {
  const assembler = new Assembler(1000);
  const chunk = { n: 1, client: 1, index: 0, side: 1, offset: 0, length: 4, total: 8 };
  const piece = new Uint8Array([1, 2, 3, 4]);
  assembler.add(chunk, piece);
  assert.throws(() => assembler.add({ ...chunk, offset: 2 }, piece), RangeError);
  assert.equal(assembler.bytes, 0);
  assert.throws(() => assembler.add({ ...chunk, total: 2000 }, piece), /at most 1000 bytes/);
  assert.throws(() => assembler.add({ ...chunk, index: 1 }, piece), RangeError);
  assert.throws(() => assembler.add({ ...chunk, length: 5 }, piece), RangeError);
  assembler.add(chunk, piece);
  assert.throws(() => assembler.take(1, 1), /0 of 1/);
  assembler.add(chunk, piece);
  assembler.add({ ...chunk, offset: 4 }, piece);
  assert.deepEqual(assembler.take(1, 1), [new Uint8Array([1, 2, 3, 4, 1, 2, 3, 4])]);
  assert.equal(assembler.bytes, 0);
});
