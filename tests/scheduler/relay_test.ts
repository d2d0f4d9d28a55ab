/** Relays pass on what is a message of the cluster, byte for byte, and nothing else: Python's clients lose output behind what they cannot read. */
import assert from "node:assert/strict";
import { DELIMITER, Session } from "../../src/protocol/frames.ts";
import { createMac } from "../../src/protocol/mac.ts";
import type { HubLink } from "../../src/scheduler/hub_link.ts";
import type { GroupDoor } from "../../src/scheduler/group_door.ts";
import { PeerDoor } from "../../src/scheduler/peer_door.ts";
import { PublishRelay, SwapRelay } from "../../src/scheduler/relay.ts";
import { Context } from "../../src/wire/context.ts";
import type { Socket, SocketType } from "../../src/wire/socket.ts";

createMac("a key").hex([]);
Context.open().close();

const KEY = "the cluster's key";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A relay's sockets, and those of who is on either side of it. */
class Stage implements Disposable {
  readonly context = Context.open();
  readonly told: string[] = [];
  readonly dropped: string[] = [];
  readonly link = {
    isOpen: true,
    forward: (topic: string) => void this.told.push(topic),
  } as unknown as HubLink;
  readonly door = new PeerDoor(
    new Session({ key: KEY }),
    { drop: (_peer: string, why: string) => void this.dropped.push(why) } as unknown as GroupDoor,
  );

  pair(bound: SocketType, connected: SocketType, identity?: string): [Socket, Socket] {
    const inner = this.context.socket(bound, { lingerMs: 0 });
    const outer = this.context.socket(connected, {
      lingerMs: 0,
      ...(identity === undefined ? {} : { identity }),
    });
    if (bound === "SUB") inner.subscribe("");
    if (connected === "SUB") outer.subscribe("");
    outer.connect(inner.bind("tcp://127.0.0.1:*"));
    return [inner, outer];
  }

  [Symbol.dispose](): void {
    this.context.close();
  }
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("Waited in vain");
}

Deno.test("PublishRelay passes signed messages alone, and tells the hub what it wants to know", async () => {
  using stage = new Stage();
  const [from, engine] = stage.pair("SUB", "XPUB");
  const [to, client] = stage.pair("XPUB", "SUB");
  const relay = new PublishRelay({
    from,
    to,
    link: stage.link,
    door: stage.door,
    peer: "an engine on iopub",
  });
  for (const subscribed of [engine, to]) {
    await until(() => {
      relay.read();
      return subscribed.receive();
    });
  }
  const own = new Session({ key: KEY }), stranger = new Session({ key: "another" });
  const status = [bytes("engine.0.status"), ...own.message("status", { execution_state: "busy" })];
  const stream = own.message("stream", { name: "stdout", text: "said" });
  engine.send([bytes("x"), ...stranger.message("stream", { name: "stdout", text: "lies" })]);
  engine.send([DELIMITER, bytes(""), bytes("{}"), bytes("{}"), bytes("{}"), bytes("{}")]);
  engine.send([bytes("noise")]);
  engine.send(status);
  engine.send(stream);
  engine.send(status);
  const got: (readonly Uint8Array[])[] = [];
  await until(() => {
    relay.read();
    for (let frames = client.receive(); frames !== undefined; frames = client.receive()) got.push(frames);
    return got.length >= 2 || undefined;
  });
  assert.deepEqual(got, [status, stream]);
  assert.deepEqual(stage.told, ["iopub"]);
  await until(() => {
    relay.read();
    return stage.dropped.length === 4 || undefined;
  });
  assert.equal(client.receive(), undefined);
});

Deno.test("SwapRelay passes signed messages alone, to whom they are for", async () => {
  using stage = new Stage();
  const [from, engine] = stage.pair("ROUTER", "DEALER", "the engine");
  const [to, client] = stage.pair("ROUTER", "DEALER", "the client");
  const relay = new SwapRelay(
    { from, to, link: stage.link, door: stage.door, peer: "an engine" },
    "outcontrol",
  );
  client.send([bytes("hello")]);
  await until(() => to.receive());
  const reply = new Session({ key: KEY }).message("abort_reply", { status: "ok" });
  const lie = new Session({ key: "another" }).message("abort_reply", { status: "ok" });
  engine.send([bytes("the client"), ...lie]);
  engine.send([bytes("the client"), bytes("x")]);
  engine.send([bytes("the client"), ...reply]);
  const got = await until(() => {
    relay.read();
    return client.receive();
  });
  assert.deepEqual(got, [bytes("the engine"), ...reply]);
  assert.equal(stage.dropped.length, 2);
});
