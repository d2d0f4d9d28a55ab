import assert from "node:assert/strict";
import { Context } from "../../src/wire/context.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import { Proxy } from "../../src/wire/proxy.ts";
import type { Socket } from "../../src/wire/socket.ts";

import "./sockets.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (frames: readonly Uint8Array[]) => frames.map((frame) => new TextDecoder().decode(frame));

/** Waits by blocking this thread: the event loop has no turn. */
function receive(socket: Socket): Uint8Array[] {
  const poller = new SyncPoller();
  poller.add(socket, () => {});
  for (let i = 0; i < 100; i++) {
    const frames = socket.receive();
    if (frames !== undefined) return frames;
    poller.wait(100);
  }
  throw new Error("Nothing came");
}

Deno.test("a proxy carries messages both ways and copies them, while its owner's thread blocks", async () => {
  using context = Context.open();
  const frontend = context.socket("ROUTER"), backend = context.socket("DEALER", { identity: "task_out" });
  const urls = [frontend, backend].map((socket) => socket.bind("tcp://127.0.0.1:*"));
  const proxy = new Proxy(context, frontend, backend);
  const client = context.socket("DEALER", { identity: "client" });
  client.connect(urls[0]!);
  const workers = ["a", "b"].map((identity) => context.socket("ROUTER", { identity }));
  for (const worker of workers) worker.connect(urls[1]!);
  const large = new Uint8Array(300_000).map((_, i) => i * 7);
  client.send([bytes("first"), large]);
  const poller = new SyncPoller();
  let got: Uint8Array[] | undefined, by: Socket | undefined;
  for (const worker of workers) {
    poller.add(worker, () => {
      got = worker.receive();
      by = worker;
    });
  }
  while (got === undefined) poller.wait(1000);
  assert.deepEqual(text(got.slice(0, 3)), ["task_out", "client", "first"]);
  assert.deepEqual(got[3], large);
  by!.send([got[0]!, got[1]!, bytes("done")]);
  assert.deepEqual(text(receive(client)), ["done"]);
  const copied = receive(proxy.capture);
  assert.deepEqual(text(copied.slice(0, 2)), ["client", "first"]);
  assert.deepEqual(text(receive(proxy.capture)), ["client", "done"]);
  await proxy.stop();
  await proxy.stop();
  assert(frontend.closed && backend.closed && proxy.capture.closed);
  for (const socket of [client, ...workers]) socket.close();
});

Deno.test("a proxy that nobody used ends at once, several beside one another", async () => {
  using context = Context.open();
  const proxies = Array.from(
    { length: 3 },
    () => new Proxy(context, context.socket("ROUTER"), context.socket("DEALER")),
  );
  await Promise.all(proxies.map((proxy) => proxy.stop()));
});
