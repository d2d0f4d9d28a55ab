import assert from "node:assert/strict";
import fc from "fast-check";
import { Context } from "../../src/wire/context.ts";
import { curveKeypair, hasCurve } from "../../src/wire/curve.ts";
import { WireError } from "../../src/wire/errors.ts";
import { DEADLINE_MS, frames, nextMessage, pair, texts } from "./sockets.ts";

Deno.test("A message travels from DEALER to ROUTER and back, empty frames included", () => {
  using context = Context.open();
  const [router, dealer] = pair(context, { type: "ROUTER" }, {
    type: "DEALER",
    options: { identity: "engine-1" },
  });
  assert(dealer.send(frames("a", "", "c")));
  assert.deepEqual(texts(nextMessage(router)), ["engine-1", "a", "", "c"]);
  assert(router.send(frames("engine-1", "answer", "")));
  assert.deepEqual(texts(nextMessage(dealer)), ["answer", ""]);
  assert.equal(dealer.receive(), undefined);
});

Deno.test("Frames of any number and size arrive as they were", () => {
  using context = Context.open();
  const [left, right] = [context.socket("PAIR"), context.socket("PAIR")];
  left.bind("inproc://frames");
  right.connect("inproc://frames");
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 60 }), (message) => {
      assert(left.send(message));
      assert.deepEqual(right.receive(), message.map((frame) => new Uint8Array(frame)));
    }),
  );
});

Deno.test("A frame that is a view in a larger buffer is sent alone", () => {
  using context = Context.open();
  const [left, right] = pair(context, { type: "PAIR" }, { type: "PAIR" });
  const buffer = crypto.getRandomValues(new Uint8Array(1000));
  assert(right.send([buffer.subarray(10, 20), buffer.subarray(999), buffer.subarray(500, 500)]));
  const received = nextMessage(left);
  assert.deepEqual(received, [buffer.slice(10, 20), buffer.slice(999), new Uint8Array(0)]);
});

Deno.test("A frame of 64 MiB arrives unchanged", async () => {
  using context = Context.open();
  const [left, right] = pair(context, { type: "PAIR" }, { type: "PAIR" });
  const large = new Uint8Array(64 << 20);
  const words = new Uint32Array(large.buffer);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  assert(right.sendLarge([...frames("head"), large], 1));
  const [head, received] = nextMessage(left);
  assert.deepEqual(texts([head!]), ["head"]);
  assert.equal(received!.length, large.length);
  const digests = await Promise.all(
    [large, received!].map((b) => crypto.subtle.digest("SHA-256", b as BufferSource)),
  );
  assert.deepEqual(digests[0], digests[1]);
});

Deno.test("Nothing is dropped when 200,000 messages are sent before the receiver reads, in either direction", () => {
  using context = Context.open();
  const [router, dealer] = pair(context, { type: "ROUTER" }, { type: "DEALER", options: { identity: "d" } });
  const count = 200_000, body = new Uint8Array(8), view = new DataView(body.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(0, i);
    assert(dealer.send([body]));
  }
  for (let i = 0; i < count; i++) {
    const frame = nextMessage(router)[1]!;
    if (new DataView(frame.buffer).getUint32(0) !== i) assert.fail(`message ${i} is not there`);
  }
  const ident = frames("d")[0]!;
  for (let i = 0; i < count; i++) {
    view.setUint32(0, i);
    assert(router.send([ident, body]));
  }
  for (let i = 0; i < count; i++) {
    const frame = nextMessage(dealer)[0]!;
    if (new DataView(frame.buffer).getUint32(0) !== i) assert.fail(`answer ${i} is not there`);
  }
});

Deno.test("send() to a peer that is not there answers false with mandatory, true without", () => {
  using context = Context.open();
  const [router, dealer] = pair(
    context,
    { type: "ROUTER", options: { mandatory: true } },
    { type: "DEALER", options: { identity: "d" } },
  );
  assert.equal(router.send(frames("nobody", "text", "more")), false);
  dealer.send(frames("hello"));
  nextMessage(router);
  assert.equal(router.send(frames("nobody", "text")), false);
  assert.equal(router.send(frames("d", "text")), true);
  assert.deepEqual(texts(nextMessage(dealer)), ["text"]);
  const careless = context.socket("ROUTER");
  assert.equal(careless.send(frames("nobody", "text")), true);
});

Deno.test("send() answers false at a high-water mark that was asked for", () => {
  using context = Context.open();
  const lonely = context.socket("DEALER", { sendHwm: 3 });
  lonely.connect("inproc://nobody-binds-this");
  const sent = Array.from({ length: 6 }, () => lonely.send(frames("a", "b")));
  assert.deepEqual(sent, [true, true, true, false, false, false]);
});

Deno.test("With handover a new connection takes the routing id of an old one", () => {
  using context = Context.open();
  const options = { identity: "engine" };
  const [router, first] = pair(context, { type: "ROUTER", options: { handover: true } }, {
    type: "DEALER",
    options,
  });
  first.send(frames("first"));
  assert.deepEqual(texts(nextMessage(router)), ["engine", "first"]);
  const second = context.socket("DEALER", options);
  second.connect(router.endpoint);
  second.send(frames("second"));
  assert.deepEqual(texts(nextMessage(router)), ["engine", "second"]);
  router.send(frames("engine", "for the second"));
  assert.deepEqual(texts(nextMessage(second)), ["for the second"]);
});

Deno.test("bind() gives the real port, and names a port that is taken", () => {
  using context = Context.open();
  const first = context.socket("ROUTER"), second = context.socket("ROUTER");
  const url = first.bind("tcp://127.0.0.1:*");
  assert.match(url, /^tcp:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(first.endpoint, url);
  assert.throws(() => second.bind(url), (error) => {
    assert(error instanceof WireError);
    assert.equal(error.code, "EADDRINUSE");
    assert.equal(error.message, `Cannot bind "${url}": the port is taken`);
    return true;
  });
  first.unbind(url);
  const third = context.socket("ROUTER");
  assert.throws(() => third.unbind(url), { code: "ENOENT" });
});

Deno.test("bind() and connect() say what is wrong with an address", () => {
  using context = Context.open();
  const socket = context.socket("DEALER");
  assert.throws(() => socket.bind("tcp://192.0.2.1:5555"), { code: "EADDRNOTAVAIL" });
  assert.throws(() => socket.bind("tcp://127.0.0.1:port"), { code: "EINVAL" });
  assert.throws(() => socket.connect("carrier-pigeon://home"), {
    code: "EPROTONOSUPPORT",
    message: 'Cannot connect to "carrier-pigeon://home": this transport is not supported',
  });
  assert.throws(() => socket.bind(`ipc:///tmp/${"long".repeat(50)}`), { code: "ENAMETOOLONG" });
});

Deno.test("A socket that is closed says so, and closing twice is harmless", () => {
  using context = Context.open();
  const socket = context.socket("DEALER");
  socket.close();
  socket.close();
  assert(socket.closed);
  const closed = { name: "WireError", code: "ENOTSOCK", message: "Cannot use a DEALER socket: it is closed" };
  assert.throws(() => socket.send(frames("a")), closed);
  assert.throws(() => socket.receive(), closed);
  assert.throws(() => socket.bind("tcp://127.0.0.1:*"), closed);
});

Deno.test("A context that is closed closes its sockets, and opens none", () => {
  const context = Context.open();
  const socket = context.socket("DEALER");
  context.close();
  context.close();
  assert(socket.closed);
  assert.throws(() => context.socket("DEALER"), { code: "ETERM" });
});

Deno.test("An option that libzmq refuses is named", () => {
  using context = Context.open();
  assert.throws(() => context.socket("DEALER", { identity: "x".repeat(256) }), {
    name: "WireError",
    message: 'Cannot set the socket option "identity": the address or option is not valid',
  });
});

Deno.test("A frame beyond maxMessageBytes costs the sender its connection, not the receiver", () => {
  using context = Context.open();
  const [router, rude] = pair(
    context,
    { type: "ROUTER", options: { maxMessageBytes: 1000 } },
    { type: "DEALER", options: { identity: "rude" } },
  );
  rude.send([new Uint8Array(1001)]);
  const polite = context.socket("DEALER", { identity: "polite" });
  polite.connect(router.endpoint);
  polite.send([new Uint8Array(1000)]);
  assert.equal(texts(nextMessage(router))[0], "polite");
});

Deno.test("Closing a context waits for what still has to be sent, as long as lingerMs allows", () => {
  using receiving = Context.open();
  const router = receiving.socket("ROUTER");
  const url = router.bind("tcp://127.0.0.1:*");
  const sending = Context.open();
  const dealer = sending.socket("DEALER", { lingerMs: DEADLINE_MS });
  dealer.connect(url);
  for (let i = 0; i < 5000; i++) dealer.send(frames(`${i}`));
  sending.close();
  for (let i = 0; i < 5000; i++) assert.equal(texts(nextMessage(router))[1], `${i}`);

  const hopeless = Context.open();
  const socket = hopeless.socket("DEALER");
  socket.connect("tcp://127.0.0.1:1");
  socket.send(frames("never"));
  hopeless.close();
});

Deno.test("SUB takes the prefixes that it subscribed to, XPUB is told", () => {
  using context = Context.open();
  const [publisher, reader] = pair(context, { type: "XPUB" }, {
    type: "SUB",
    options: { subscribe: ["a."] },
  });
  assert.deepEqual(texts(nextMessage(publisher)), ["\u0001a."]);
  reader.subscribe("b.");
  assert.deepEqual(texts(nextMessage(publisher)), ["\u0001b."]);
  for (const topic of ["c.1", "b.1", "a.1"]) publisher.send(frames(topic, "text"));
  assert.deepEqual([nextMessage(reader), nextMessage(reader)].map((m) => texts(m)[0]), ["b.1", "a.1"]);
  reader.unsubscribe("b.");
  assert.deepEqual(texts(nextMessage(publisher)), ["\u0000b."]);
});

Deno.test({
  name: "CURVE: who knows the server's key is heard, others are not (needs libzmq with CURVE)",
  ignore: !hasCurve(),
  fn() {
    using context = Context.open();
    const server = curveKeypair(), wrong = curveKeypair();
    assert.match(server.publicKey, /^[\x21-\x7e]{40}$/);
    const router = context.socket("ROUTER", { curve: { role: "server", secretKey: server.secretKey } });
    const url = router.bind("tcp://127.0.0.1:*");
    const plain = context.socket("DEALER", { identity: "plain" });
    const stranger = context.socket("DEALER", {
      identity: "stranger",
      curve: { role: "client", serverKey: wrong.publicKey, ...curveKeypair() },
    });
    const friend = context.socket("DEALER", {
      identity: "friend",
      curve: { role: "client", serverKey: server.publicKey, ...curveKeypair() },
    });
    for (const socket of [plain, stranger, friend]) {
      socket.connect(url);
      socket.send(frames("hello"));
    }
    assert.deepEqual(texts(nextMessage(router)), ["friend", "hello"]);
    router.send(frames("friend", "welcome"));
    assert.deepEqual(texts(nextMessage(friend)), ["welcome"]);
    assert.equal(router.receive(), undefined);
  },
});
