import assert from "node:assert/strict";
import { GroupGate } from "../../src/client/group_gate.ts";
import { Pending } from "../../src/client/pending.ts";
import { TaskState } from "../../src/client/task_state.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, KIND, ORIGIN, RESULT_BYTES, STATUS } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { encodeValue } from "../../src/protocol/values.ts";

const mac = createMac("a key");

function results(
  header: { seq: number; nonce?: bigint; target?: number; origin?: number; acked?: number },
  n = 1,
  key = mac,
) {
  const writer = new GroupWriter();
  writer.result(n, 3, STATUS.ok, 0, 0, 0, 0, 0, 0, 1, 2, encodeValue("done").body);
  const { seq, nonce = 9n, target = 3, origin = ORIGIN.scheduler, acked = 0 } = header;
  const fields = { kind: KIND.results, origin, seq, target, nonce, acked, committed: 0, window: 0 };
  return writer.close(fields, key.sign).slice();
}

Deno.test("only groups of this run, for this client, signed and new, are let in", () => {
  const gate = new GroupGate(mac, 9n, 3);
  assert.equal(gate.open(results({ seq: 2 }), "task")?.seq, 2);
  assert.equal(gate.open(results({ seq: 2 }), "task"), null);
  assert.equal(gate.open(results({ seq: 1 }), "task"), null);
  assert.equal(gate.open(results({ seq: 1 }), "mux")?.seq, 1);
  assert.equal(gate.open(results({ seq: 1, origin: ORIGIN.engineBit }), "task")?.seq, 1);
  assert.equal(gate.open(results({ seq: 3, target: ANY }), "task")?.seq, 3);
  assert.equal(gate.open(results({ seq: 4, target: 4 }), "task"), null);
  assert.equal(gate.open(results({ seq: 4, nonce: 8n }), "task"), null);
  assert.equal(gate.open(results({ seq: 4 }, 1, createMac("another")), "task"), null);
  assert.equal(gate.open(new Uint8Array(40), "task"), null);
  const damaged = results({ seq: 5 });
  damaged[90]! ^= 1;
  assert.equal(gate.open(damaged, "task"), null);
  assert.equal(gate.dropped, 7);
});

Deno.test("an engine that has taken another one's id is heard before its registration is, and the other one not any more", () => {
  const gate = new GroupGate(mac, 9n, 3), origin = ORIGIN.engineBit;
  assert.equal(gate.open(results({ seq: 70, origin, acked: 1 }), "task")?.seq, 70);
  assert.equal(gate.open(results({ seq: 1, origin, acked: 2 }), "task")?.seq, 1);
  assert.equal(gate.open(results({ seq: 1, origin, acked: 2 }), "task"), null);
  assert.equal(gate.open(results({ seq: 71, origin, acked: 1 }), "task"), null);
  // What the scheduler says there is something else.
  assert.equal(gate.open(results({ seq: 5, acked: 9 }), "task")?.seq, 5);
  assert.equal(gate.open(results({ seq: 6, acked: 8 }), "task")?.seq, 6);
  assert.equal(gate.open(results({ seq: 6, acked: 10 }), "task"), null);
});

Deno.test("a group with a broken record changes nothing, and its number stays free", () => {
  const gate = new GroupGate(mac, 9n, 3);
  const broken = results({ seq: 4 });
  new DataView(broken.buffer).setUint32(80 + RESULT_BYTES - 32, 0xffff, true);
  mac.sign(broken, 32, broken.length, 0);
  assert.equal(gate.open(broken, "task"), null);
  assert.equal(gate.open(results({ seq: 4 }), "task")?.seq, 4);
});

function pendingWith(n: number) {
  const values: unknown[] = [];
  const owner = {
    fulfilled: (_: TaskState, value: unknown) => void values.push(value),
    rejected: (_: TaskState, error: Error) => void values.push(error.message),
  };
  const pending = new Pending(1 << 20);
  const task = new TaskState(owner, 0, { isPeer: false, finished: () => {}, stop: () => {} }, undefined);
  task.n = n;
  pending.add(task);
  return { pending, values };
}

Deno.test("a second answer, and one for another client, are skipped", () => {
  const { pending, values } = pendingWith(1);
  const reader = new GroupReader();
  const frame = results({ seq: 1 });
  reader.open(frame);
  pending.results(reader, 4);
  assert.deepEqual(values, []);
  for (let i = 0; i < 2; i++) {
    reader.open(frame);
    pending.results(reader, 3);
  }
  assert.deepEqual(values, ["done"]);
  assert.equal(pending.count, 0);
});

Deno.test("a task that was started again brings its buffers anew", () => {
  const { pending, values } = pendingWith(1);
  const half = new Uint8Array(50_000).fill(1);
  const chunk = { n: 1, client: 3, index: 0, side: 1, offset: 0, length: 50_000, total: 100_000 };
  pending.chunk(chunk, half);
  pending.chunk(chunk, half);
  pending.chunk({ ...chunk, offset: 50_000 }, half);
  pending.chunk({ ...chunk, n: 2 }, half);
  const writer = new GroupWriter();
  const { body, buffers } = encodeValue(new Uint8Array(100_000).fill(1));
  assert.equal(buffers.length, 1);
  writer.result(1, 3, STATUS.ok, 2, 1, 0, 0, 0, 0, 1, 2, body);
  const reader = new GroupReader();
  const header = {
    kind: KIND.results,
    origin: 0,
    seq: 1,
    target: 3,
    nonce: 9n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  reader.open(writer.close(header, mac.sign));
  pending.results(reader, 3);
  assert.deepEqual(values, [new Uint8Array(100_000).fill(1)]);
});

Deno.test("a result whose buffers have not come is an error that says so", () => {
  const { pending, values } = pendingWith(1);
  const writer = new GroupWriter();
  writer.result(1, 3, STATUS.ok, 2, 2, 0, 0, 0, 0, 1, 2, encodeValue(1).body);
  const reader = new GroupReader();
  const header = {
    kind: KIND.results,
    origin: 0,
    seq: 1,
    target: 3,
    nonce: 9n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  reader.open(writer.close(header, mac.sign));
  pending.results(reader, 3);
  assert.match(String(values[0]), /0 of 2 buffers/);
});
