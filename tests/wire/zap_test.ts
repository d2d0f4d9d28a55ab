/** Who may connect to a CURVE socket, and that every message says from whom it is. */
import assert from "node:assert/strict";
import { Context } from "../../src/wire/context.ts";
import { curveKeypair } from "../../src/wire/curve.ts";
import { handshakes, monitorHandshakes } from "../../src/wire/handshake.ts";
import { Incoming } from "../../src/wire/incoming.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import { z85 } from "../../src/wire/z85.ts";
import { ZapHandler } from "../../src/wire/zap.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("Z85 writes the bytes of RFC 32's example as its text", () => {
  assert.equal(z85(new Uint8Array([0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b])), "HelloWorld");
  assert.throws(() => z85(new Uint8Array(3)), RangeError);
});

Deno.test("A listed key connects and its messages carry its name; another key is refused", () => {
  using context = Context.open();
  const server = curveKeypair(), ada = curveKeypair(), mallory = curveKeypair();
  const asked: string[] = [];
  const zap = new ZapHandler(context, (key, domain) => {
    asked.push(domain);
    return key === ada.publicKey ? `ada at ${domain}` : null;
  });
  const curve = { role: "server", secretKey: server.secretKey } as const;
  using router = context.socket("ROUTER", { curve, zapDomain: "clients" });
  const url = router.bind("tcp://127.0.0.1:*");

  using elsewhere = Context.open();
  const connect = (pair: typeof ada) => {
    const socket = elsewhere.socket("DEALER", {
      curve: { role: "client", serverKey: server.publicKey, ...pair },
    });
    const monitor = monitorHandshakes(elsewhere, socket);
    socket.connect(url);
    return { socket, monitor };
  };
  const good = connect(ada), bad = connect(mallory);
  good.socket.send([bytes("hello"), bytes("world")]);

  const message = new Incoming(), poller = new SyncPoller();
  let said = "", refusal = "";
  poller.add(zap.socket, () => zap.read());
  poller.add(router, () => {
    if (said === "" && router.receiveInto(message)) said = `${text(message.frame(1))} from ${message.userId}`;
  });
  poller.add(bad.monitor, () => {
    for (const handshake of handshakes(bad.monitor)) refusal ||= handshake;
  });
  for (let turns = 0; (said === "" || refusal === "") && turns < 200; turns++) poller.wait(100);

  assert.equal(said, "hello from ada at clients");
  assert.equal(refusal, "unlisted");
  good.socket.send([bytes("again")]);
  for (let frames = router.receive(); frames === undefined; frames = router.receive()) poller.wait(100);
  assert.equal(router.sender, "ada at clients");
  assert.equal(zap.refused >= 1, true);
  assert.equal(asked.every((domain) => domain === "clients"), true);
  message.release();
});

Deno.test("A socket that asks nobody names nobody", () => {
  using context = Context.open();
  using pull = context.socket("PAIR");
  using push = context.socket("PAIR");
  pull.bind("inproc://plain");
  push.connect("inproc://plain");
  push.send([bytes("x")]);
  const message = new Incoming();
  assert.equal(message.userId, "");
  assert.equal(pull.receiveInto(message), true);
  assert.equal(message.userId, "");
  message.release();
});
