/** Values that are put once and used by many tasks. */
import assert from "node:assert/strict";
import { type Ref, Reference, task } from "../../src/client/client.ts";
import { pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, PATIENCE_MS, Run } from "./run.ts";

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
    const inner2 = (i: number) => captured[i];
    const inner = task((i: number) => captured[i], { captures: { captured } });
    const outer = task((i: number) => inner2(i)! + 1, {
      captures: { inner2: task((i: number) => captured[i], { captures: { captured } }) },
    });
    assert.equal(await view.apply(outer, 0), 2);
    assert.deepEqual(await view.map(inner, [0, 1, 2]), [1, 1, 1]);
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
    const fresh = view.with({ isolation: "process" }), a = ref.asValue;
    const f = task((x: number) => x + a.length, { captures: { a } });
    assert.deepEqual(await fresh.map([1, 2], f), [large.length + 1, large.length + 2]);
  });
});

Deno.test("refs outlive what happens around them", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const sum = (a: Uint8Array) => a.reduce((s, x) => s + x, 0);

  await test.step("a client that is gone while its tasks wait", async () => {
    const other = await run.connect();
    const ref = await other.put(filled(2 * MIB, 1));
    const slow = task(async (a: Uint8Array, i: number) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return a.length + i;
    });
    const view = other.loadBalanced();
    const results = Array.from({ length: 20 }, (_, i) => view.apply(slow, ref, i));
    results.forEach((result) => result.catch(() => {}));
    const ids = results.flatMap(({ msgIds }) => msgIds);
    // The last of them has been taken over by the controller once a later request is answered.
    await other.queueStatus();
    await eventually(
      () => client.resultStatus(ids),
      ({ pending, completed }) => pending.length + completed.length === 20,
      "all are known",
    );
    await other.close();
    assert.deepEqual(await client.result(ids), ids.map((_, i) => 2 * MIB + i));
  });

  await test.step("engines that come later, and a host that is killed", async () => {
    const ref = await client.put(filled(4 * MIB, 1));
    assert.deepEqual(await client.direct("all").apply(sum, ref), [4 * MIB, 4 * MIB]);
    await run.cluster.startEngines(2);
    const ids = await client.waitForEngines(4, { timeoutMs: PATIENCE_MS });
    assert.deepEqual(await client.direct(ids.slice(2)).apply(sum, ref), [4 * MIB, 4 * MIB]);
    const waiting = task(async (a: Uint8Array) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return a.length;
    }, { retries: 3 });
    const map = client.loadBalanced().map(waiting, Array.from({ length: 16 }, () => ref.asValue));
    Deno.kill(run.cluster.parts.at(-1)!.pid!, "SIGKILL");
    assert.deepEqual(await map, Array(16).fill(4 * MIB));
    await client.waitForEngines(2);
  });

  await test.step("run again while it is kept; once it is not, the error says so", async () => {
    const ref = await client.put(filled(MIB, 1));
    const view = client.loadBalanced();
    const result = view.apply(sum, ref);
    assert.equal(await result, MIB);
    const again = await client.resubmit(result.msgIds, { results: true });
    assert.deepEqual(await again.result, [MIB]);
    await ref.delete();
    // What went by the same way before has been heard when this is answered.
    await client.direct("all").apply(() => 1);
    const late = await client.resubmit(result.msgIds, { results: true });
    const error = await errorOf(late.result);
    assert.match(String(error), /ReferenceError.*Cannot read a value that was put: nobody keeps it any more/);
    // What does not need it goes on.
    assert.deepEqual(await client.direct("all").apply(() => 1), client.ids.map(() => 1));
  });

  await test.step("many values and many tasks in no order", async () => {
    const refs = await Promise.all(Array.from({ length: 12 }, (_, i) => client.put(filled(100_000 + i, i))));
    const pairs = Array.from(
      { length: 100 },
      (_, i) => [refs[i % 12]!.asValue, refs[(i * 5) % 12]!.asValue] as const,
    );
    const f = ([a, b]: readonly [Uint8Array, Uint8Array]) => [a[0], a.length, b[0], b.length];
    const expected = pairs.map((_, i) => [i % 12, 100_000 + i % 12, (i * 5) % 12, 100_000 + (i * 5) % 12]);
    assert.deepEqual(await client.loadBalanced().map(f, pairs), expected);
    assert.deepEqual(await client.direct().map(f, pairs), expected);
    for (const ref of refs) await ref.delete();
  });
});

pythonTest("to Python engines a ref goes as its value", async (stack) => {
  const run = stack.use(await Run.start({ n: 1 }));
  const { client } = run;
  await pythonEngines(stack, run.folder.dir, 1);
  await client.waitForEngines(2, { timeoutMs: 40_000 });
  const python = client.direct(1), all = client.direct("all");
  const ref = await client.put(new Float64Array([1, 2, 3.5]));
  const large = await client.put(filled(200_000, 1));
  await all.push({ a: ref, list: [large], map: { deep: [ref] } });
  assert.equal((await python.execute("float(a.sum() + map['deep'][0].sum())")).value, 13);
  assert.equal((await python.execute("sum(list[0])")).value, 200_000);
  const length = new Reference("len");
  assert.equal(await python.apply(length, large), 200_000);
  assert.deepEqual(await python.map(length, [large, ref]), [200_000, 3]);
});

Deno.test("refs with the schedulers in a process of their own, and with CURVE", async () => {
  for (const controllerArgs of [["--layout=process"], ["--enable-curve"]]) {
    await using run = await Run.start({ n: 1, controllerArgs });
    const ref = await run.client.put(filled(MIB + 5, 2));
    const f = (a: Uint8Array) => a.length + a.at(-1)!;
    assert.equal(await run.client.loadBalanced().apply(f, ref), MIB + 7);
  }
});
