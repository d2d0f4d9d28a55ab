/** Groups: what is written is read, and hostile frames end in a RangeError, never outside the frame. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import {
  type ChunkRecord,
  emptyResult,
  emptyTask,
  type GroupHeader,
  HEADER_BYTES,
  isGroup,
  KIND,
  OP,
} from "../../src/protocol/groups.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u8 = fc.integer({ min: 0, max: 0xff });
const time = fc.double({ noNaN: true, min: 0, max: 1e13 });
const body = fc.uint8Array({ maxLength: 200 });
const noSignature = () => {};

const header = fc.record({
  kind: u16,
  origin: u32,
  seq: u32,
  target: u32,
  nonce: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  acked: u32,
  committed: u32,
  window: u32,
});
const task = fc.record({
  n: u32,
  client: u32,
  definition: u32,
  op: u8,
  flags: u8,
  buffers: u16,
  seq: u32,
  submitted: time,
  body,
});
const result = fc.record({
  n: u32,
  client: u32,
  status: u8,
  flags: u8,
  buffers: u16,
  engine: u32,
  seq: u32,
  epoch: u32,
  started: time,
  completed: time,
  body,
});
type Task = typeof task extends fc.Arbitrary<infer T> ? T : never;
type Result = typeof result extends fc.Arbitrary<infer T> ? T : never;

const HEADER: Omit<GroupHeader, "count"> = {
  kind: KIND.tasks,
  origin: 1,
  seq: 2,
  target: 3,
  nonce: 4n,
  acked: 5,
  committed: 6,
  window: 7,
};

function writeTask(writer: GroupWriter, t: Task, tail = 0): number {
  return writer.task(t.n, t.client, t.definition, t.op, t.flags, t.buffers, tail, t.seq, t.submitted, t.body);
}

function writeResult(writer: GroupWriter, r: Result): number {
  const { n, client, status, flags, buffers, engine, seq, epoch, started, completed } = r;
  return writer.result(n, client, status, flags, buffers, engine, 0, seq, epoch, started, completed, r.body);
}

/** Reads all records of all kinds that a frame could hold; anything but a RangeError fails the test. */
function readAll(frame: Uint8Array): number {
  let read = 0;
  const inside = (offset: number, length: number) => {
    assert.ok(
      offset >= HEADER_BYTES && offset + length <= frame.length,
      `${offset} + ${length} of ${frame.length}`,
    );
    read++;
  };
  const readers: ((reader: GroupReader) => void)[] = [
    (reader) => {
      const into = emptyTask();
      while (reader.task(into)) {
        inside(into.bodyOffset, into.bodyLength), assert.ok(into.tailLength <= into.bodyLength);
      }
    },
    (reader) => {
      const into = emptyResult();
      while (reader.result(into)) inside(into.bodyOffset, into.bodyLength);
    },
    (reader) => {
      const into = new Uint32Array(4);
      while (reader.name(into)) read++;
    },
    (reader) => {
      const { offset, length, total } = reader.chunk();
      assert.ok(offset >= 0 && offset + length <= total);
    },
  ];
  for (const readOne of readers) {
    try {
      const reader = new GroupReader();
      reader.open(frame);
      readOne(reader);
    } catch (error) {
      assert.ok(error instanceof RangeError, `${error}`);
    }
  }
  return read;
}

Deno.test("tasks come back as they were written", () => {
  fc.assert(fc.property(header, fc.array(task, { maxLength: 20 }), (header, tasks) => {
    const writer = new GroupWriter(128);
    const offsets = tasks.map((t) => writeTask(writer, t, Math.min(t.body.length, 5)));
    const frame = writer.close(header, noSignature);
    const reader = new GroupReader();
    assert.deepEqual(reader.open(frame), { ...header, count: tasks.length });
    const into = emptyTask();
    tasks.forEach((t, i) => {
      assert.ok(reader.task(into));
      const { body, ...fields } = t;
      const { bodyOffset, bodyLength, tailLength, ...read } = into;
      assert.deepEqual(read, fields);
      assert.equal(tailLength, Math.min(body.length, 5));
      assert.deepEqual(frame.slice(bodyOffset, bodyOffset + bodyLength), body);
      assert.equal(reader.offset, offsets[i + 1] ?? frame.length);
    });
    assert.ok(!reader.task(into));
    assert.equal(reader.offset, frame.length);
  }));
});

Deno.test("results come back as they were written", () => {
  fc.assert(fc.property(header, fc.array(result, { maxLength: 20 }), (header, results) => {
    const writer = new GroupWriter(128);
    for (const r of results) writeResult(writer, r);
    const frame = writer.close(header, noSignature);
    const reader = new GroupReader();
    reader.open(frame);
    const into = emptyResult();
    for (const r of results) {
      assert.ok(reader.result(into));
      const { body, ...fields } = r;
      const { bodyOffset, bodyLength, tailLength, ...read } = into;
      assert.deepEqual(read, fields);
      assert.equal(tailLength, 0);
      assert.deepEqual(frame.slice(bodyOffset, bodyOffset + bodyLength), body);
    }
    assert.ok(!reader.result(into));
  }));
});

Deno.test("names and chunks come back as they were written", () => {
  fc.assert(fc.property(fc.array(fc.tuple(u32, u32, u32, u32)), (names) => {
    const writer = new GroupWriter();
    for (const name of names) writer.name(...name);
    const reader = new GroupReader();
    reader.open(writer.close(HEADER, noSignature));
    const into = new Uint32Array(4);
    for (const name of names) {
      assert.ok(reader.name(into));
      assert.deepEqual([...into], name);
    }
    assert.ok(!reader.name(into));
  }));
  const chunk: ChunkRecord = {
    n: 1,
    client: 2,
    index: 3,
    side: 1,
    offset: 2 ** 40,
    length: 5,
    total: 2 ** 40 + 5,
  };
  const writer = new GroupWriter();
  writer.chunk(chunk);
  const reader = new GroupReader();
  reader.open(writer.close({ ...HEADER, kind: KIND.chunk }, noSignature));
  assert.deepEqual(reader.chunk(), chunk);
});

Deno.test("a copied record is the record, and takes the scheduler's number", () => {
  fc.assert(fc.property(fc.array(task, { minLength: 1, maxLength: 5 }), u32, (tasks, seq) => {
    const source = new GroupWriter();
    for (const t of tasks) writeTask(source, t);
    const frame = source.close(HEADER, noSignature).slice();
    const reader = new GroupReader();
    reader.open(frame);
    const copy = new GroupWriter(96);
    const into = emptyTask();
    for (let at = HEADER_BYTES; reader.task(into); at = reader.offset) {
      copy.setSeq(copy.copy(frame, at, reader.offset - at), seq);
    }
    const again = new GroupReader();
    const copied = copy.close(HEADER, noSignature);
    again.open(copied);
    for (const t of tasks) {
      assert.ok(again.task(into));
      assert.deepEqual([into.n, into.seq, into.submitted], [t.n, seq, t.submitted]);
      assert.deepEqual(copied.slice(into.bodyOffset, into.bodyOffset + into.bodyLength), t.body);
    }
  }));
});

Deno.test("a writer that is reset starts anew, without remains of longer bodies", () => {
  const writer = new GroupWriter();
  const long = new Uint8Array(50).fill(0xff);
  writer.task(1, 1, 0, OP.apply, 0, 0, 0, 0, 0, long);
  writer.close(HEADER, noSignature);
  writer.reset();
  assert.deepEqual([writer.count, writer.length], [0, HEADER_BYTES]);
  writer.task(1, 1, 0, OP.apply, 0, 0, 0, 0, 0, new Uint8Array([1]));
  const frame = writer.close(HEADER, noSignature);
  assert.deepEqual([...frame.subarray(-8)], [1, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("the signature covers all but itself", () => {
  const writer = new GroupWriter();
  writer.name(1, 2, 3, 4);
  const calls: number[][] = [];
  const frame = writer.close(HEADER, (_bytes, from, to, at) => calls.push([from, to, at]));
  assert.deepEqual(calls, [[32, frame.length, 0]]);
});

function sampleFrame(): Uint8Array {
  const writer = new GroupWriter();
  for (let n = 1; n <= 3; n++) writer.task(n, 1, 0, OP.apply, 1, 0, 2, 0, 5.5, new Uint8Array(n * 5).fill(n));
  return writer.close(HEADER, noSignature).slice();
}

/** The frame with its true length in the header, so that the records themselves are looked at. */
function withLength(frame: Uint8Array): Uint8Array {
  if (frame.length >= HEADER_BYTES) new DataView(frame.buffer).setUint32(76, frame.length, true);
  return frame;
}

Deno.test("a frame cut at any byte is a RangeError", () => {
  const frame = sampleFrame();
  assert.ok(readAll(frame) > 0);
  for (let length = 0; length < frame.length; length++) {
    assert.throws(() => new GroupReader().open(frame.slice(0, length)), RangeError);
    readAll(withLength(frame.slice(0, length)));
  }
});

Deno.test("flipped bits never lead outside the frame", () => {
  const frame = sampleFrame();
  for (let at = 32; at < frame.length; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const flipped = frame.slice();
      flipped[at]! ^= bit;
      readAll(flipped);
    }
  }
});

Deno.test("huge counts and lengths are a RangeError at once", () => {
  const frame = sampleFrame();
  const huge = [0xffff_ffff, 0xffff_fff9, 0xffff_fff0, 0x8000_0000, 0x7fff_ffff, 0x7fff_fff8];
  for (const value of huge) {
    for (let at = 40; at + 4 <= frame.length; at += 4) {
      if (at === 76) continue;
      const changed = frame.slice();
      new DataView(changed.buffer).setUint32(at, value, true);
      readAll(changed);
    }
  }
});

Deno.test("random bytes behind a true header never lead outside the frame", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), u32, (bytes, count) => {
      const frame = new Uint8Array(HEADER_BYTES + bytes.length);
      frame.set(sampleFrame().subarray(0, HEADER_BYTES));
      frame.set(bytes, HEADER_BYTES);
      new DataView(frame.buffer).setUint32(40, count, true);
      readAll(withLength(frame));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("a chunk group without a record is a RangeError", () => {
  const reader = new GroupReader();
  const writer = new GroupWriter();
  reader.open(writer.close({ ...HEADER, kind: KIND.chunk }, noSignature));
  assert.throws(() => reader.chunk(), RangeError);
});

Deno.test("frames that are no group of ours are told apart", () => {
  assert.ok(isGroup(sampleFrame()));
  assert.ok(!isGroup(new Uint8Array(HEADER_BYTES)));
  assert.ok(!isGroup(new TextEncoder().encode("<IDS|MSG>")));
  assert.throws(() => new GroupReader().open(new Uint8Array(100)), /without its mark/);
  const other = sampleFrame();
  other[36] = 2;
  assert.throws(() => new GroupReader().open(other), /version 2/);
});
