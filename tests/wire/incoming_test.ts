import assert from "node:assert/strict";
import fc from "fast-check";
import { Context } from "../../src/wire/context.ts";
import { Incoming } from "../../src/wire/incoming.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { awaitReadable, frames, nextMessage, pair, texts } from "./sockets.ts";

/** Receives the next message into `incoming`, waiting for it. */
function nextInto(socket: Socket, incoming: Incoming): void {
  while (!socket.receiveInto(incoming)) awaitReadable(socket);
}

/** Bytes that differ from place to place. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

/** Two sockets in one process. */
function inprocPair(context: Context): [Socket, Socket] {
  const [left, right] = [context.socket("PAIR"), context.socket("PAIR")];
  left.bind("inproc://pair");
  right.connect("inproc://pair");
  return [left, right];
}

Deno.test("receiveInto() gives the frames, small and large, as views and as copies", () => {
  using context = Context.open();
  const [left, right] = inprocPair(context);
  const incoming = new Incoming();
  assert.equal(right.receiveInto(incoming), false);
  assert.equal(incoming.count, 0);
  const message = [
    pattern(0),
    pattern(1),
    pattern(33),
    pattern(8192),
    pattern(8193),
    pattern(100_000),
    pattern(7),
  ];
  left.send(message);
  assert(right.receiveInto(incoming));
  assert.equal(incoming.count, message.length);
  message.forEach((frame, i) => {
    assert.equal(incoming.size(i), frame.length);
    assert.deepEqual(incoming.frame(i), frame);
    assert.equal(incoming.frame(i), incoming.frame(i));
    assert.deepEqual(incoming.copy(i), frame);
  });
  assert.deepEqual(incoming.frames(), message);
  assert.throws(() => incoming.frame(7), {
    name: "RangeError",
    message: "Cannot take frame 7 of a message of 7",
  });
});

Deno.test("Any messages one after another into the same object are as they were sent", () => {
  using context = Context.open();
  const [left, right] = inprocPair(context);
  const incoming = new Incoming();
  const frame = fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }).map(pattern) },
  );
  const messages = fc.array(fc.array(frame, { minLength: 1, maxLength: 70 }), { maxLength: 5 });
  fc.assert(fc.property(messages, (messages) => {
    for (const message of messages) left.send(message);
    for (const message of messages) {
      assert(right.receiveInto(incoming));
      const order = message.map((_, i) => i).reverse();
      for (const i of order) incoming.frame(i);
      assert.deepEqual(incoming.frames(), message.map((frame) => new Uint8Array(frame)));
    }
    assert.equal(right.receiveInto(incoming), false);
  }));
});

Deno.test("A message of 20,000 frames is received whole", () => {
  using context = Context.open();
  const [left, right] = inprocPair(context);
  const incoming = new Incoming();
  left.send(Array.from({ length: 20_000 }, (_, i) => pattern(i % 50)));
  left.send(frames("short"));
  assert(right.receiveInto(incoming));
  assert.equal(incoming.count, 20_000);
  for (let i = 0; i < 20_000; i++) assert.deepEqual(incoming.frame(i), pattern(i % 50));
  assert(right.receiveInto(incoming));
  assert.deepEqual(texts(incoming.frames()), ["short"]);
});

Deno.test("Frames that are copied begin at multiples of 8, for those who read them as numbers", () => {
  using context = Context.open();
  const [left, right] = inprocPair(context);
  const incoming = new Incoming();
  left.send([pattern(5), pattern(16), pattern(3), pattern(24)]);
  right.receiveInto(incoming);
  for (let i = 0; i < 4; i++) assert.equal(incoming.frame(i).byteOffset % 8, 0);
});

Deno.test("A large frame's view is empty after the next receive, never freed memory", () => {
  using context = Context.open();
  const [left, right] = inprocPair(context);
  const incoming = new Incoming();
  left.send([pattern(1 << 20)]);
  left.send(frames("next"));
  right.receiveInto(incoming);
  const view = incoming.frame(0);
  assert.equal(view.length, 1 << 20);
  right.receiveInto(incoming);
  assert.equal(view.length, 0);
  assert.deepEqual(texts(incoming.frames()), ["next"]);
  incoming.release();
  incoming.release();
  assert.equal(incoming.count, 0);
});

Deno.test("forward() passes frames on unchanged behind a new prefix, over TCP", () => {
  using context = Context.open();
  const [front, client] = pair(context, { type: "ROUTER" }, {
    type: "DEALER",
    options: { identity: "client" },
  });
  const [back, engine] = pair(context, { type: "ROUTER" }, {
    type: "DEALER",
    options: { identity: "engine" },
  });
  engine.send(frames("ready"));
  nextMessage(back);
  const body = [pattern(600), pattern(0), pattern(300_000), pattern(20)];
  client.send(body);
  const incoming = new Incoming();
  nextInto(front, incoming);
  assert(incoming.forward(back, [...frames("engine"), incoming.frame(0)], 1));
  const received = nextMessage(engine);
  assert.deepEqual(texts([received[0]!]), ["client"]);
  assert.deepEqual(received.slice(1), body);
});

Deno.test("forward() leaves the message as it is: it can be sent again and still be read", () => {
  using context = Context.open();
  const [source, relay] = inprocPair(context);
  const [router, reader] = pair(
    context,
    { type: "ROUTER", options: { mandatory: true } },
    { type: "DEALER", options: { identity: "reader" } },
  );
  reader.send(frames("ready"));
  nextMessage(router);
  const message = [pattern(10), pattern(50_000)];
  source.send(message);
  const incoming = new Incoming();
  nextInto(relay, incoming);
  const large = incoming.frame(1);
  assert.equal(incoming.forward(router, frames("nobody"), 0), false);
  assert(incoming.forward(router, frames("reader"), 0));
  assert(incoming.forward(router, frames("reader", "once more"), 1));
  assert.deepEqual(nextMessage(reader), message);
  assert.deepEqual(nextMessage(reader), [...frames("once more"), message[1]]);
  assert.deepEqual(incoming.frames(), message);
  assert.equal(large.length, 50_000);
});

Deno.test("forward() outlives the message: the next one may come before the first has left", () => {
  using context = Context.open();
  const [source, relay] = inprocPair(context);
  const lonely = context.socket("DEALER");
  lonely.connect("inproc://later");
  const incoming = new Incoming();
  for (let i = 0; i < 20; i++) {
    source.send([pattern(100_000 + i)]);
    relay.receiveInto(incoming);
    incoming.frame(0);
    assert(incoming.forward(lonely, [], 0));
  }
  incoming.release();
  const late = context.socket("DEALER");
  late.bind("inproc://later");
  for (let i = 0; i < 20; i++) assert.deepEqual(nextMessage(late), [pattern(100_000 + i)]);
});
