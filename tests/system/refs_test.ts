/** Values that are put once and used by many tasks. */
import assert from "node:assert/strict";
import { type Ref, Reference, task } from "../../src/client/client.ts";
import { pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, Run } from "./run.ts";

const MIB = 1 << 20;

function filled(bytes: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes).fill(value);
}

Deno.test("refs stand for values wherever these may stand", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced(), all = client.direct("all");
  const large = filled(3 * MIB, 1);
  const ref = await client.put(large);
  const sum = (a: Uint8Array) => a.reduce((s, x) => s + x, 0);

  await test.step("as an argument, typed", async () => {
    const typed: Ref<Uint8Array> = ref;
    assert.equal(await view.apply(sum, typed), large.length);
    assert.deepEqual(await all.apply((a: Uint8Array, b: number) => a.length + b, ref, 1), [
      large.length + 1,
      large.length + 1,
    ]);
    // @ts-expect-error: a ref to another type
    view.apply((s: string) => s, ref).abort();
  });

  await test.step("within values, twice, beside large and long ones", async () => {
    const f = (o: { list: Uint8Array[]; map: Map<string, Uint8Array> }, own: Uint8Array) => [
      o.list[0] === o.list[1],
      o.list.length,
      o.map.get("a")!.length,
      own.length,
      own[5],
    ];
    const other = await client.put({ deep: ["small", 1n] });
    const value = { list: [ref.asValue, ref.asValue], map: new Map([["a", ref.asValue]]) };
    assert.deepEqual(await view.apply(f, value, filled(100_000, 7)), [true, 2, large.length, 100_000, 7]);
    const long = Array.from({ length: 60_000 }, (_, i) => `item ${i}`);
    const g = (list: string[], o: { deep: unknown[] }, a: Uint8Array, b: Uint8Array) => [
      list.length,
      list.at(-1),
      o.deep,
      a.length,
      b.length,
    ];
    assert.deepEqual(await view.apply(g, long, other, ref, filled(200_000, 1)), [
      60_000,
      "item 59999",
      ["small", 1n],
      large.length,
      200_000,
    ]);
  });

  await test.step("in maps, captures, functions within captures, push", async () => {
    assert.deepEqual(await view.map(sum, [ref.asValue, filled(10, 1), ref.asValue]), [3 * MIB, 10, 3 * MIB]);
    assert.deepEqual(
      await view.map(sum, [ref.asValue, filled(10, 1), ref.asValue], { chunkSize: 2 }),
      [3 * MIB, 10, 3 * MIB],
    );
    const captured = ref.asValue;
    const inner = task((i: number) => captured[i], { captures: { captured } });
    const outer = task((i: number, b: Uint8Array) => [inner.run(i), b.length], {
      captures: { inner: task((i: number) => captured[i], { captures: { captured } }) as unknown },
    });
    assert.deepEqual(await view.map(inner, [0, 1, 2]), [1, 1, 1]);
    void outer;
    const both = task((i: number, b: Uint8Array) => captured[i]! + b.length, { captures: { captured } });
    const small = await client.put(filled(70_000, 3));
    assert.equal(await view.apply(both, 5, small), 70_001);
    await all.push({ pushed: ref, list: [small] });
    assert.deepEqual(await all.apply(new Reference("(() => pushed.length + list[0].length)")), [
      3 * MIB + 70_000,
      3 * MIB + 70_000,
    ]);
  });

  await test.step("values of all kinds, empty and small ones", async () => {
    for (
      const value of [0, "", "text", null, undefined, [], { a: [1, { b: new Date(5) }] }, "x".repeat(200_000)]
    ) {
      const put = await client.put<unknown>(value);
      assert.deepEqual(await view.apply((x: unknown) => [x], put), [value]);
    }
    await assert.rejects(client.put(() => 1), /Cannot send value/);
    await assert.rejects(client.put({ ref }), /a ref cannot stand in a value that is put/);
  });

  await test.step("changing it changes it for nobody else", async () => {
    const list = await client.put({ items: [1, 2, 3], bytes: filled(100_000, 1) });
    const change = (o: { items: number[]; bytes: Uint8Array }) => {
      const before = [o.items.length, o.bytes[0]!];
      o.items.push(4);
      o.bytes.fill(9);
      return before;
    };
    const changed = task(() => change(captured), { captures: { change, captured: list } });
    const captured = list.asValue;
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await all.apply(change, list), [[3, 1], [3, 1]]);
      assert.deepEqual(await all.apply(changed), [[3, 1], [3, 1]]);
    }
  });

  await test.step("what was put is what it was, whatever becomes of the original", async () => {
    const array = filled(200_000, 1);
    const ref = await client.put(array);
    array.fill(2);
    assert.equal(await view.apply(sum, ref), 200_000);
    const again = await client.put(filled(200_000, 1));
    assert.equal(again.name, ref.name);
    await ref.delete();
    await ref.delete();
    assert.throws(() => view.apply(sum, ref), /Cannot send a ref that was deleted/);
    assert.equal(await view.apply(sum, again), 200_000);
  });

  await test.step("another client cannot use it, and does not share it", async () => {
    const other = await run.connect();
    assert.throws(() => other.loadBalanced().apply(sum, ref), /Cannot send a ref of another client/);
    const own = await other.put(large);
    assert.notEqual(own.name, ref.name);
    assert.equal(await other.loadBalanced().apply(sum, own), large.length);
  });

  await test.step("deleted while its task waits, and with its scope", async () => {
    let result;
    {
      await using ref = await client.put(filled(300_000, 1));
      result = view.map([1, 2, 3, 4], task((x: number) => x * sum(a), { captures: { sum, a: ref } }));
      const a = ref.asValue;
    }
    assert.deepEqual(await result, [300_000, 600_000, 900_000, 1_200_000]);
  });

  await test.step("large ones on the way to a fresh child", async () => {
    const fresh = view.with({ isolation: "process" });
    assert.deepEqual(await fresh.map([1, 2], task((x: number) => x + a.length, { captures: { a: ref } })), [
      large.length + 1,
      large.length + 2,
    ]);
    const a = ref.asValue;
  });
});
