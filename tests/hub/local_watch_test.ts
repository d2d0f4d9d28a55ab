import assert from "node:assert/strict";
import { LocalWatch } from "../../src/hub/local_watch.ts";
import { NO_OFFER } from "../../src/protocol/task_asks.ts";

Deno.test("the end of an engine's process is told once, also of all engines of one process", async () => {
  await using child = new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
  const told: string[] = [];
  const both = Promise.withResolvers<void>();
  const watch = new LocalWatch("here", (uuid) => {
    told.push(uuid);
    if (told.length === 2) both.resolve();
  });
  const card = { host: "here", pid: child.pid, sandbox: "", offer: NO_OFFER };
  watch.add({ id: 0, uuid: "a", ours: card, since: 0 });
  watch.add({ id: 1, uuid: "b", ours: card, since: 0 });
  watch.add({ id: 2, uuid: "elsewhere", ours: { ...card, host: "there" }, since: 0 });
  watch.add({ id: 3, uuid: "a peer", ours: null, since: 0 });
  watch.add({ id: 4, uuid: "no such process", ours: { ...card, pid: 2 ** 22 + 7 }, since: 0 });
  watch.add({ id: 5, uuid: "ourselves", ours: { ...card, pid: Deno.pid }, since: 0 });
  child.kill("SIGKILL");
  await both.promise;
  watch.close();
  assert.deepEqual(told, ["a", "b"]);
});

Deno.test("an engine that left is not watched any more", async () => {
  const child = new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
  const told: string[] = [];
  const last = Promise.withResolvers<void>();
  const watch = new LocalWatch("here", (uuid) => {
    told.push(uuid);
    last.resolve();
  });
  const card = { host: "here", pid: child.pid, sandbox: "", offer: NO_OFFER };
  watch.add({ id: 0, uuid: "left", ours: card, since: 0 });
  watch.add({ id: 1, uuid: "stays", ours: card, since: 0 });
  watch.remove("left");
  child.kill("SIGKILL");
  await child.status;
  await last.promise;
  watch.close();
  assert.deepEqual(told, ["stays"]);
});
