/** What is no task takes no engine's slot: many engines answer nothing to a request that they do not know, and it would be theirs for ever. */
import { RawPeer } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

Deno.test("requests other than apply and execute are no tasks, and no broadcasts", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const dropped = async () => Number((await run.client.status()).dropped);
  const before = await dropped();
  const uuid = run.client.engineUuid(0)!;
  for (const type of ["history_request", "queue_request", "kernel_info_request"]) {
    peer.send("task", peer.session.message(type, {}));
    const metadata = { targets: [[uuid, 0]], is_broadcast: true, is_coalescing: false };
    peer.send("broadcast", peer.session.message(type, {}, { metadata }));
  }
  await eventually(dropped, (count) => count >= before + 6, "all are dropped");
});

Deno.test("a message that no engine answers waits in no queue", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const uuid = new TextEncoder().encode(run.client.engineUuid(0)!);
  // What ipyparallel's nanny calls its replies to signals.
  peer.send("mux", [uuid, ...peer.session.message("_request", {})]);
  // Answered, and so behind the other.
  peer.send("mux", [uuid, ...peer.session.message("execute_request", { code: "1", silent: true })]);
  await peer.receive("mux");
  await queueIsEmpty(run.client);
});

Deno.test("a message that an engine had on control is not taken again on mux", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const uuid = new TextEncoder().encode(run.client.engineUuid(0)!);
  const message = [uuid, ...peer.session.message("kernel_info_request", {})];
  peer.send("control", message);
  await peer.receive("control");
  peer.send("mux", message);
  peer.send("mux", [uuid, ...peer.session.message("execute_request", { code: "1", silent: true })]);
  await peer.receive("mux");
  await queueIsEmpty(run.client);
});

Deno.test("a cell whose user_expressions are nested deep, or no text, is answered", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const uuid = new TextEncoder().encode(run.client.engineUuid(0)!);
  // What nests deeper is no message (`MAX_DEPTH` in packers.ts).
  for (const depth of [1, 100, 900]) {
    const nested = JSON.parse(`${"[".repeat(depth)}1${"]".repeat(depth)}`);
    for (const user_expressions of [nested, { x: nested }]) {
      peer.send("mux", [
        uuid,
        ...peer.session.message("execute_request", { code: "b = 3", silent: true, user_expressions }),
      ]);
      await peer.receive("mux");
    }
  }
  await queueIsEmpty(run.client);
});
