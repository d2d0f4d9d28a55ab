/** Pieces that are in a slot before their task is: whatever comes of it, each task gets its own bytes. */
import assert from "node:assert/strict";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { KIND, OP, ORIGIN } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { type FakeController, KEY, NONCE } from "./fake_controller.ts";
import { cell, childrenOf, registered, test } from "./hosts.ts";

const MB = 1 << 20;
const SUM = "big.length + ':' + big.reduce((sum, x) => (sum * 31 + x) % 1000003, 7)";

function bytesOf(seed: number, length = 3 * MB): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i * 7 + seed) >>> 3);
}

function sumOf(bytes: Uint8Array): string {
  return `${bytes.length}:${bytes.reduce((sum, x) => (sum * 31 + x) % 1_000_003, 7)}`;
}

const push = (n: number, big: Uint8Array) => ({ n, op: OP.push, value: { big } });

/** What a cell says that runs after all that was sent before. */
async function said(fake: FakeController, uuid: string, n: number, code: string): Promise<unknown> {
  await fake.schedule(uuid, [cell(n, code)]);
  await fake.until(`result ${n}`, () => fake.result(n) !== undefined);
  return (fake.result(n)!.value as { value: unknown }).value;
}

async function sent(fake: FakeController, uuid: string, n: number, big: Uint8Array): Promise<void> {
  await fake.sendPieces(uuid, n, encodeValue({ big }).buffers);
}

Deno.test("a task's pieces go ahead of it, in turn with those of another one", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const [a, b] = [bytesOf(1), bytesOf(2)];
    await sent(fake, uuid, 1, a.subarray(0));
    await sent(fake, uuid, 2, b);
    assert.equal(await said(fake, uuid, 3, "1 + 1"), 2, "what needs no pieces is not held up");
    await fake.schedule(uuid, [push(2, b)]);
    assert.equal(await said(fake, uuid, 4, SUM), sumOf(b));
    await fake.schedule(uuid, [push(1, a)]);
    assert.equal(await said(fake, uuid, 5, SUM), sumOf(a));
  }));

Deno.test("pieces whose task is cancelled, or asks for another child, are nobody else's", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const [a, b, c] = [bytesOf(3), bytesOf(4), bytesOf(5)];
    await sent(fake, uuid, 1, a);
    await fake.schedule(uuid, [{ ...push(1, a), tail: { isolation: "process" } }]);
    await fake.until("the first push", () => fake.result(1) !== undefined);
    assert.equal(await said(fake, uuid, 2, "typeof big"), "undefined");
    await sent(fake, uuid, 3, b);
    await fake.schedule(uuid, [cell(4, "await new Promise((r) => setTimeout(r, 200))"), push(3, b)]);
    await fake.names(uuid, KIND.cancel, [3]);
    await fake.until("the second push", () => fake.result(3) !== undefined);
    assert.notEqual(fake.result(3)!.status, 0);
    await sent(fake, uuid, 5, c);
    await fake.schedule(uuid, [push(5, c)]);
    assert.equal(await said(fake, uuid, 6, SUM), sumOf(c));
  }));

Deno.test("a child that dies with pieces in it: the next one gets them all", () =>
  test({}, async (fake, host) => {
    const uuid = await registered(fake);
    const a = bytesOf(6);
    assert.equal(await said(fake, uuid, 1, "globalThis.z = 1"), 1);
    await sent(fake, uuid, 2, a);
    assert.equal(await said(fake, uuid, 3, "z"), 1);
    for (const pid of childrenOf(host.pid)) Deno.kill(pid, "SIGKILL");
    await fake.schedule(uuid, [push(2, a)]);
    assert.equal(await said(fake, uuid, 4, SUM), sumOf(a));
    assert.equal(await said(fake, uuid, 5, "typeof z"), "undefined");
  }));

Deno.test("pieces that lie about their buffer harm nobody", () =>
  test({}, async (fake, host) => {
    const uuid = await registered(fake);
    const mac = createMac(KEY);
    const forged = async (n: number, chunk: { index: number; offset: number; total: number }) => {
      const writer = new GroupWriter(), piece = new Uint8Array(100_000);
      writer.chunk({ n, client: 7, side: 0, length: piece.length, ...chunk });
      const header = { origin: ORIGIN.scheduler, seq: ++fake.seq, target: 0, nonce: NONCE };
      const rest = { acked: 0, committed: 0, window: 256 };
      await fake.send("task_out", uuid, [
        writer.close({ kind: KIND.chunk, ...header, ...rest }, mac.sign).slice(),
        piece,
      ]);
    };
    assert.equal(await said(fake, uuid, 1, "globalThis.z = 1"), 1);
    const before = childrenOf(host.pid);
    await forged(2, { index: 0, offset: 0, total: 2 ** 50 });
    await forged(2, { index: 0, offset: 100_000, total: 200_000 });
    await forged(3, { index: 0, offset: 0, total: 200_000 });
    await forged(3, { index: 0, offset: 50_000, total: 200_000 });
    await forged(4, { index: 9, offset: 0, total: 100_000 });
    await forged(5, { index: 0, offset: 0, total: 300_000 });
    await forged(5, { index: 0, offset: 100_000, total: 250_000 });
    assert.equal(await said(fake, uuid, 6, "z"), 1);
    assert.deepEqual(childrenOf(host.pid), before);
    const a = bytesOf(7);
    await sent(fake, uuid, 7, a);
    await fake.schedule(uuid, [push(7, a)]);
    assert.equal(await said(fake, uuid, 8, SUM), sumOf(a));
  }));
