import assert from "node:assert/strict";
import { ControllerWatch, patienceOf } from "../../src/client/controller_watch.ts";

const PATIENCE = { periodMs: 1, answerMs: 7, misses: 3 };

function silence(): Promise<never> {
  return Promise.reject(new DOMException("no answer", "TimeoutError"));
}

Deno.test("a controller that stays silent is given up after so many silences in a row", async () => {
  const gone = Promise.withResolvers<number>();
  let asked = 0;
  // The second answer comes: the count begins anew.
  const ask = () => ++asked === 2 ? Promise.resolve() : silence();
  const watch = new ControllerWatch({ isNeeded: () => true, ask, gone: gone.resolve }, PATIENCE);
  assert.equal(await gone.promise, 21);
  watch.close();
  assert.equal(asked, 5);
});

Deno.test("nobody is asked while nothing is awaited, and an error that is no silence does not count", async () => {
  let isNeeded = false, asked = 0;
  const enough = Promise.withResolvers<void>();
  const watch = new ControllerWatch({
    isNeeded: () => {
      const was = isNeeded;
      isNeeded = true;
      return was;
    },
    ask: () => {
      if (++asked === 6) enough.resolve();
      return Promise.reject(new Error("an answer of another kind"));
    },
    gone: () => assert.fail("it answers"),
  }, PATIENCE);
  await enough.promise;
  watch.close();
});

Deno.test("the patience is three tries, the first within five seconds", () => {
  assert.deepEqual(patienceOf(30_000), { periodMs: 5_000, answerMs: 10_000, misses: 3 });
  assert.deepEqual(patienceOf(1_500), { periodMs: 500, answerMs: 500, misses: 3 });
});
