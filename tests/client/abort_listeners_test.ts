import assert from "node:assert/strict";
import { listenForAbort } from "../../src/client/abort_listeners.ts";

Deno.test("all who still listen hear an abort, once", () => {
  const controller = new AbortController();
  const heard: number[] = [];
  const quiet = [0, 1, 2, 3].map((i) => listenForAbort(controller.signal, () => heard.push(i)));
  quiet[1]!();
  quiet[1]!();
  controller.abort();
  assert.deepEqual(heard, [0, 2, 3]);
  quiet[2]!();
});

Deno.test("a listener that goes while others are called is harmless", () => {
  const controller = new AbortController();
  const heard: string[] = [];
  const stop: (() => void)[] = [];
  stop.push(listenForAbort(controller.signal, () => {
    heard.push("first");
    for (const each of stop) each();
  }));
  stop.push(listenForAbort(controller.signal, () => heard.push("second")));
  controller.abort();
  assert.deepEqual(heard, ["first", "second"]);
});
