import assert from "node:assert/strict";
import { Outbox } from "../../src/scheduler/outbox.ts";
import { Context } from "../../src/wire/context.ts";
import { SyncPoller } from "../../src/wire/poll.ts";

const text = (words: string) => new TextEncoder().encode(words);

Deno.test("what is sent to an engine before its connection stands arrives once it does, in order", () => {
  using context = Context.open();
  const router = context.socket("ROUTER", { identity: "task_out", mandatory: true });
  const url = router.bind("tcp://127.0.0.1:*");
  const outbox = new Outbox(router);
  for (const word of ["one", "two", "three"]) outbox.send("engine", [text("engine"), text(word)]);
  outbox.send("never", [text("never"), text("lost with its engine")]);
  assert.ok(outbox.isWaiting);
  outbox.forget("never");
  const engine = context.socket("DEALER", { identity: "engine" });
  engine.connect(url);
  const poller = new SyncPoller();
  const got: string[] = [];
  poller.add(engine, () => {
    for (let frames = engine.receive(); frames !== undefined; frames = engine.receive()) {
      got.push(new TextDecoder().decode(frames[0]));
    }
  });
  for (let turn = 0; turn < 1000 && got.length < 4; turn++) {
    outbox.retry();
    if (!outbox.isWaiting && got.length === 3) outbox.send("engine", [text("engine"), text("four")]);
    poller.wait(5);
  }
  assert.deepEqual(got, ["one", "two", "three", "four"]);
  assert.ok(!outbox.isWaiting);
});
