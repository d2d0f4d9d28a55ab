/** Forms that people expect: `map(input, function, options)`, streams through engines, buffers that are transferred. */
import assert from "node:assert/strict";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

Deno.test("maps and streams over two engines", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();

  await test.step("concurrency bounds open tasks, awaited and iterated", async () => {
    let most = 0;
    function* input(count: number) {
      for (let i = 0; i < count; i++) {
        most = Math.max(most, client.pending);
        yield i;
      }
    }
    const expected = Array.from({ length: 60 }, (_, i) => i * i);
    assert.deepEqual(await view.map(input(60), (x) => x * x, { concurrency: 3 }), expected);
    assert(most <= 2, `${most} tasks were open when one more was taken`);
    assert.deepEqual(await view.map(input(60), (x) => x * x), expected);
    const seen: number[] = [];
    const map = view.map(input(60), (x) => x * x, { concurrency: 2, backpressure: 5 });
    for await (const value of map) {
      seen.push(value);
      assert(map.taken <= seen.length + 5, `${map.taken} taken at ${seen.length}`);
    }
    assert.deepEqual(seen, expected);
  });

  await test.step("an aborted signal cancels what runs and rejects with its reason", async () => {
    const stop = new AbortController();
    const reason = new Error("not needed any more");
    const map = view.map([1, 2, 3], async () => await new Promise<never>(() => {}), {
      concurrency: 2,
      signal: stop.signal,
    });
    const error = errorOf(map);
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Object.values(engines).filter(({ tasks }) => Number(tasks) > 0).length === 2,
      "both engines run one",
    );
    stop.abort(reason);
    assert.equal(await error, reason);
    assert.equal(map.taken, 2);
    await queueIsEmpty(client);
  });

  await test.step("stopOnError: false runs all", async () => {
    const failing = (x: number) => {
      if (x % 10 === 3) throw new RangeError(`not ${x}`);
      return x;
    };
    const error = await errorOf(
      client.direct("all").map(Array(40).keys(), failing, { stopOnError: false, concurrency: 4 }),
    );
    assert(error instanceof AggregateError);
    assert.deepEqual(error.errors.map(({ evalue }) => evalue), ["not 3", "not 13", "not 23", "not 33"]);
  });

  await test.step("a slow reader makes the writer wait", async () => {
    let pulled = 0;
    const source = new ReadableStream<number>({
      pull(controller) {
        controller.enqueue(pulled++);
      },
    }, { highWaterMark: 0 });
    const results = source.pipeThrough(view.transform((x: number) => x + 1, { concurrency: 4 }));
    const reader = results.getReader();
    for (let i = 0; i < 30; i++) {
      assert.deepEqual(await reader.read(), { done: false, value: i + 1 });
      // One more stands at the writer's door, and one in the pipe.
      assert(pulled <= i + 1 + 4 + 2, `${pulled} were pulled at ${i}`);
    }
    await reader.cancel(new Error("enough"));
    await queueIsEmpty(client);
    const before = pulled;
    await client.queueStatus();
    assert.equal(pulled, before);
  });

  await test.step("bytes bound it too", async () => {
    let most = 0;
    const blocks = new ReadableStream<Uint8Array>({
      pull(controller) {
        most = Math.max(most, client.pending);
        controller.enqueue(new Uint8Array(100_000));
      },
    }, { highWaterMark: 0 });
    const sizes = blocks.pipeThrough(
      view.transform((x: Uint8Array) => x.length, { maxBytes: 250_000, concurrency: 1000 }),
    );
    const reader = sizes.getReader();
    for (let i = 0; i < 20; i++) {
      assert.equal((await reader.read()).value, 100_000);
      // The third is the one that passes the bound.
      assert(most <= 3, `${most} were under way`);
    }
    await reader.cancel();
  });

  await test.step("an aborted writer cancels the tasks, and the reader hears why", async () => {
    const { readable, writable } = view.transform(async () => await new Promise<never>(() => {}));
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    await writer.write(1);
    const read = readable.getReader().read();
    read.catch(() => {});
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Object.values(engines).some(({ tasks }) => Number(tasks) > 0),
      "it runs",
    );
    const reason = new Error("no more to come");
    await writer.abort(reason);
    assert.equal(await errorOf(read), reason);
    await queueIsEmpty(client);
  });

  await test.step("a cancelled reader stops the tasks, and the writer hears why", async () => {
    const { readable, writable } = view.transform(async () => await new Promise<never>(() => {}));
    const writer = writable.getWriter();
    await writer.write(1);
    const reason = new Error("nobody reads");
    const closed = errorOf(writer.closed);
    await readable.cancel(reason);
    assert.equal(await closed, reason);
    // The hub may hear of the task only when it has been stopped already.
    await eventually(() => client.pending, (open) => open === 0, "the task has been stopped");
    await queueIsEmpty(client);
  });

  await test.step("a file's lines through the engines, as a stream of results", async () => {
    const text = Array.from({ length: 500 }, (_, i) => `line ${i}`).join("\n");
    const lines = new Blob([text]).stream().pipeThrough(new TextDecoderStream())
      .pipeThrough(
        new TransformStream<string, string>({
          transform(chunk, controller) {
            for (const line of chunk.split("\n")) controller.enqueue(line);
          },
        }),
      );
    let length = 0;
    for await (
      const size of lines.pipeThrough(view.transform((line: string) => line.length, { ordered: false }))
    ) {
      length += size;
    }
    assert.equal(length, text.length - 499);
  });
});

Deno.test("buffers that are transferred, and those that are not", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const sum = (a: Uint8Array) => a.reduce((s, x) => s + x, 0);

  await test.step("are detached at submit, whatever their size and the way", async () => {
    for (const size of [10, 200_000, 3 << 20]) {
      for (const view of [client.loadBalanced(), client.direct(0), client.direct("all")]) {
        const array = new Uint8Array(size).fill(1);
        const result = view.with({ transfer: [array.buffer] }).apply(sum, array);
        assert.equal(array.length, 0);
        assert.equal(array.buffer.detached, true);
        const values = [await result].flat();
        assert.deepEqual(values, values.map(() => size));
      }
    }
  });

  await test.step("push too; nested ones; several views of one buffer", async () => {
    const buffer = new ArrayBuffer(1 << 20);
    const value = { a: new Uint8Array(buffer, 0, 100_000).fill(2), b: new Float64Array(buffer, 1 << 19, 2) };
    value.b[1] = 0.5;
    await client.direct("all").with({ transfer: [buffer] }).push({ value });
    assert.equal(value.b.length, 0);
    assert.deepEqual(
      (await client.direct("all").execute("[value.a[99999], value.b[1]]"))
        .map(({ value }) => value),
      [[2, 0.5], [2, 0.5]],
    );
  });

  await test.step("what cannot be transferred is refused before anything is sent", async () => {
    const array = new Uint8Array(10);
    const view = client.loadBalanced().with({ transfer: [array.buffer] });
    const twice = client.loadBalanced().with({ transfer: [array.buffer, array.buffer] });
    assert.throws(() => twice.apply(sum, array), /Cannot transfer.*twice/);
    assert.throws(() => view.apply((x: unknown) => x, Symbol() as unknown), /symbol/);
    assert.equal(array.length, 10);
    assert.equal(await view.apply(sum, array), 0);
    assert.throws(() => view.apply(sum, array), /Cannot transfer.*detached/);
    const wrong = client.loadBalanced().with({ transfer: [array as unknown as ArrayBuffer] });
    assert.throws(() => wrong.apply(sum, array), /Cannot transfer.*ArrayBuffer/);
    assert.throws(() => view.map(sum, [array]), /"transfer": it belongs to one call/);
  });

  await test.step("without it a small value is copied at once, a large one is read until it has left", async () => {
    const small = new Uint8Array(1000).fill(1);
    const result = client.loadBalanced().apply(sum, small);
    small.fill(9);
    assert.equal(await result, 1000);
    // Of a large one only this is promised: once the result has come it may be changed.
    const large = new Uint8Array(20 << 20).fill(1);
    assert.equal(await client.loadBalanced().apply(sum, large), 20 << 20);
    large.fill(2);
    assert.equal(await client.loadBalanced().apply(sum, large), 40 << 20);
  });
});
