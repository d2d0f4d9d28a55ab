/** The engine's end of streams, by itself: what is kept, what is given once more, and what ends when nobody asks. */
import assert from "node:assert/strict";
import { remoteStreams, type StreamBatch, type StreamWord } from "../../src/client/remote_streams.ts";

const WORD: StreamWord = {
  id: "a",
  op: "pull",
  from: 0,
  maxCount: 3,
  maxBytes: 1 << 20,
  maxMs: 20,
  idleMs: 60_000,
};

/** The engine's end of one generator. */
function streamsOf(run: () => unknown) {
  const ask = remoteStreams(() => run);
  return (word: Partial<StreamWord>, ...args: unknown[]) => ask({ ...WORD, ...word }, args);
}

async function pulled(answer: Promise<unknown>): Promise<readonly unknown[]> {
  return (await answer as StreamBatch).values;
}

Deno.test("a batch comes once more, in smaller parts, until the client names the next value", async () => {
  let made = 0;
  const ask = streamsOf(function* () {
    for (;;) yield made++;
  });
  assert.deepEqual(await pulled(ask({ op: "open" })), [0, 1, 2]);
  assert.deepEqual(await pulled(ask({ maxCount: 1 })), [0]);
  assert.deepEqual(await pulled(ask({ from: 1, maxCount: 1 })), [1]);
  assert.equal(made, 3);
  assert.deepEqual(await pulled(ask({ from: 2 })), [2]);
  assert.deepEqual(await pulled(ask({ from: 3 })), [3, 4, 5]);
  assert.equal(await ask({ op: "return" }), true);
  await assert.rejects(ask({ from: 6 }), { name: "StreamGone" });
  assert.equal(await ask({ op: "return" }), true);
});

Deno.test("an error is thrown when the values before it are taken, and the return value comes with the last ones", async () => {
  const failing = streamsOf(function* () {
    yield 1;
    throw new RangeError("no");
  });
  assert.deepEqual(await pulled(failing({ op: "open" })), [1]);
  await assert.rejects(failing({ from: 1 }), RangeError);
  await assert.rejects(failing({ from: 1 }), { name: "StreamGone" });
  const ending = streamsOf(function* () {
    yield 1;
    return "end";
  });
  assert.deepEqual(await ending({ op: "open" }), { values: [1], isDone: true, returned: "end" });
  assert.deepEqual(await ending({ maxCount: 1 }), { values: [1], isDone: true, returned: "end" });
  assert.equal(await ending({ op: "return" }), true);
});

Deno.test("a batch ends with its bytes; a step that takes longer than a batch goes on between them", async () => {
  const large = streamsOf(function* () {
    for (;;) yield new Uint8Array(600_000);
  });
  assert.equal((await pulled(large({ op: "open" }))).length, 2);
  await large({ op: "return" });
  const step = Promise.withResolvers<void>();
  const slow = streamsOf(async function* () {
    await step.promise;
    yield "late";
  });
  assert.deepEqual(await pulled(slow({ op: "open" })), []);
  assert.deepEqual(await pulled(slow({})), []);
  step.resolve();
  assert.deepEqual(await pulled(slow({})), ["late"]);
  await slow({ op: "return" });
});

Deno.test("a stream that hears nothing is ended; a touch is enough to keep it", async () => {
  const ended = Promise.withResolvers<void>();
  const ask = streamsOf(function* () {
    try {
      for (;;) yield 1;
    } finally {
      ended.resolve();
    }
  });
  await ask({ op: "open", idleMs: 60_000 });
  await ask({ op: "touch", idleMs: 1 });
  await ended.promise;
  await assert.rejects(ask({ from: 3 }), { name: "StreamGone" });
});

Deno.test("a generator that waits is ended when it gives way, and its error told if somebody still asks", async () => {
  const step = Promise.withResolvers<void>();
  const ask = streamsOf(async function* () {
    try {
      yield 1;
      await step.promise;
      yield 2;
    } finally {
      // deno-lint-ignore no-unsafe-finally
      throw new TypeError("in finally");
    }
  });
  assert.deepEqual(await pulled(ask({ op: "open" })), [1]);
  assert.equal(await ask({ op: "return", from: 1 }), false);
  step.resolve();
  await assert.rejects(ask({ op: "return", from: 1 }), /in finally/);
});
