/** Who stopped a task: what stands behind the names of a cancel group, and what of it is taken. */
import assert from "node:assert/strict";
import { byOf, cancelText, MAX_BY_BYTES, readBy, writeBy } from "../../src/protocol/by.ts";
import { GroupCheck } from "../../src/protocol/group_check.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { KIND } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";

const mac = createMac("key");
const header = { origin: 7, seq: 1, target: 0, nonce: 5n, acked: 0, committed: 0, window: 0 };
const name = new Uint32Array(4);

function cancelGroup(rest: Uint8Array, kind: number = KIND.cancel): Uint8Array {
  const writer = new GroupWriter();
  writer.name(7, 1, 0, 0);
  writer.name(7, 2, 0, 1);
  writer.rest(rest);
  return writer.close({ ...header, kind }, mac.sign).slice();
}

Deno.test("a cancel group says behind its names who stops the tasks, and why", () => {
  const by = { who: "ada@host", why: "wrong data – again" };
  const check = new GroupCheck(mac);
  check.open(cancelGroup(writeBy(by)), 5n);
  const { reader } = check;
  assert.equal(reader.rest().length, 0, "nothing before the names are read");
  const names: number[] = [];
  while (reader.name(name)) names.push(name[1]!);
  assert.deepEqual(names, [1, 2]);
  assert.deepEqual(readBy(reader.rest()), by);
});

Deno.test("a cancel group without an end is one as ever", () => {
  const check = new GroupCheck(mac);
  check.open(cancelGroup(new Uint8Array(0)), 5n);
  while (check.reader.name(name));
  assert.equal(readBy(check.reader.rest()), undefined);
});

Deno.test("only cancel groups have something behind their records, and not much", () => {
  const check = new GroupCheck(mac);
  assert.throws(() => check.open(cancelGroup(new Uint8Array(8), KIND.returned), 5n), RangeError);
  assert.throws(() => check.open(cancelGroup(new Uint8Array(MAX_BY_BYTES + 8)), 5n), RangeError);
});

Deno.test("what somebody says of himself is one short line", () => {
  assert.deepEqual(byOf("a\u001b[31m\nb", undefined), { who: "a [31m b", why: "" });
  assert.deepEqual(byOf("", 7), { who: "somebody", why: "" });
  const { who, why } = byOf("x".repeat(10_000), "\ud83d\ude00".repeat(10_000));
  assert.ok(who.length <= 200 && who.endsWith("…"));
  assert.ok([...why].length <= 500 && why.endsWith("…") && why.isWellFormed());
  assert.ok(writeBy({ who, why }).length <= MAX_BY_BYTES);
  assert.equal(readBy(new TextEncoder().encode("[1]")), undefined);
  assert.equal(readBy(new TextEncoder().encode("{")), undefined);
});

Deno.test("a sentence names who and why", () => {
  assert.equal(cancelText({ who: "ada", why: "" }, " before it ran"), "Cancelled by ada before it ran");
  assert.equal(cancelText({ who: "ada", why: "too slow" }), "Cancelled by ada: too slow");
  assert.equal(cancelText(undefined), "Cancelled by its client");
});
