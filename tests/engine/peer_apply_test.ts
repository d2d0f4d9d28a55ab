/** The engine host towards peers: what ipyparallel sends as apply_requests, without a Python. */
import assert from "node:assert/strict";
import type { Dictionary, Message } from "../../src/protocol/frames.ts";
import { readResult, writeApply } from "../../src/protocol/pickle_apply.ts";
import { Reference } from "../../src/protocol/pickle_reference.ts";
import type { FakeController } from "./fake_controller.ts";
import { cell, registered, test } from "./hosts.ts";

const UTIL = "ipyparallel.util";

/** One engine of a host, asked as a peer asks. */
class Peer {
  constructor(readonly fake: FakeController, readonly uuid: string) {}

  send(buffers: readonly Uint8Array[]): Promise<string> {
    return this.fake.request("mux_out", this.uuid, "apply_request", {}, buffers);
  }

  apply(name: string, args: readonly unknown[] = [], kwargs: Dictionary = {}): Promise<string> {
    return this.send(writeApply(name, args, kwargs));
  }

  push(values: Dictionary): Promise<string> {
    return this.send(writeApply({ module: UTIL, name: "_push" }, [], values));
  }

  pull(names: unknown): Promise<string> {
    return this.send(writeApply({ module: UTIL, name: "_pull" }, [names]));
  }

  async reply(msgId: Promise<string> | string): Promise<Message> {
    const id = await msgId;
    const find = () => this.fake.replies.find((reply) => reply.parentHeader.msg_id === id);
    await this.fake.until(`a reply to ${id}`, () => find() !== undefined);
    return find()!;
  }

  async value(msgId: Promise<string> | string): Promise<unknown> {
    const { content, buffers } = await this.reply(msgId);
    assert.equal(content["status"], "ok", JSON.stringify(content));
    return readResult(buffers);
  }

  async error(msgId: Promise<string> | string): Promise<string> {
    const { content, metadata } = await this.reply(msgId);
    assert.equal(content["status"], "error");
    assert.equal(metadata["status"], "error");
    return `${content["ename"]}: ${content["evalue"]}`;
  }
}

function peerTest(
  name: string,
  work: (peer: Peer, fake: FakeController, uuid: string) => Promise<void>,
): void {
  Deno.test(name, () =>
    test({}, async (fake) => {
      const uuid = await registered(fake);
      await work(new Peer(fake, uuid), fake, uuid);
    }));
}

peerTest("push, calls by name and pull of peers", async (peer, fake, uuid) => {
  assert.equal(await peer.value(peer.push({ a: 20, xs: new Float64Array([1, 2]) })), null);
  const code = "function add(x, { y = 0 } = {}) { console.log('adding'); return x + y; }";
  await fake.request("mux_out", uuid, "execute_request", { code });
  const id = await peer.apply("add", [new Reference("a")], { y: 1 });
  assert.equal(await peer.value(id), 21);
  assert.deepEqual(await peer.value(peer.pull(["a", "xs", "a + 1"])), [20, new Float64Array([1, 2]), 21]);
  const own = () => fake.published.filter((message) => message.parentHeader.msg_id === id);
  await fake.until("idle", () => own().some(({ content }) => content["execution_state"] === "idle"));
  assert.deepEqual(own().map(({ topic }) => topic.replace("engine.0.", "")), ["status", "stdout", "status"]);
});

peerTest("buffers of any number and size pass, both ways", async (peer) => {
  const many = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`k${i}`, new Uint8Array(50_000).fill(i)]),
  );
  const big = new Uint8Array(9 << 20).map((_, i) => i);
  await peer.value(peer.push({ ...many, big, text: "x".repeat(3 << 20) }));
  const names = ["big", "text", ...Object.keys(many)];
  const values = await peer.value(peer.pull(names)) as unknown[];
  assert.deepEqual(values[0], big);
  assert.equal((values[1] as string).length, 3 << 20);
  assert.deepEqual(values.slice(2), Object.values(many));
  assert.match(await peer.error(peer.send(Array(5000).fill(new Uint8Array(10)))), /UnpicklingError/);
});

peerTest("errors of peers' calls are named as Python has them", async (peer) => {
  assert.equal(await peer.error(peer.pull("nowhere")), "NameError: name 'nowhere' is not defined");
  assert.match(await peer.error(peer.apply("Math")), /^TypeError: Cannot call "Math": it is an object/);
  assert.match(await peer.error(peer.apply("nowhere.at")), /^NameError/);
  assert.match(
    await peer.error(peer.apply("Object.nothing.at")),
    /^TypeError: .*"Object.nothing" is undefined/,
  );
  assert.match(await peer.error(peer.pull("Math.max")), /^PicklingError: Cannot send result: a function/);
  const foreign = peer.send(writeApply({ module: "os", name: "system" }, ["ls"]));
  assert.match(await peer.error(foreign), /^TypeError: .*"system" of module "os".*Reference\("name"\)/);
  assert.equal(
    await peer.value(
      peer.send(writeApply({ module: "ipyparallel.serialize.canning", name: "use_dill" }, [])),
    ),
    null,
  );
});

peerTest(
  "an apply that waits can be aborted, one that runs is interrupted, and names that went with the process say so",
  async (peer, fake, uuid) => {
    await peer.value(peer.push({ a: 1 }));
    await fake.schedule(uuid, [cell(1, "for (;;);")]);
    const waiting = await peer.apply("Math.max", [1]), early = fake.session.header("apply_request");
    const control = (type: string, content: Dictionary) => fake.request("control_out", uuid, type, content);
    await peer.reply(control("abort_request", { msg_ids: [waiting, early.msg_id] }));
    assert.deepEqual((await peer.reply(waiting)).content, { status: "aborted" });
    const buffers = writeApply("Math.max", [1]);
    await fake.send("mux_out", uuid, [
      new TextEncoder().encode("peer"),
      ...fake.session.pack(early, {}, { buffers }),
    ]);
    assert.deepEqual((await peer.reply(early.msg_id)).content, { status: "aborted" });
    await peer.reply(control("interrupt_request", {}));
    await fake.until("the interrupted task", () => fake.result(1) !== undefined);
    assert.match(
      await peer.error(peer.pull("a")),
      /^NamespaceLost: name 'a' is not defined: the engine's process was replaced/,
    );
    assert.match(await peer.error(peer.pull("a")), /^NameError/);
    assert.equal(await peer.value(peer.apply("Math.max", [4, 5])), 5);
  },
);

peerTest(
  "pull evaluates an expression, words of the language too; nothing can be pushed under such a word",
  async (peer) => {
    await peer.value(peer.push({ a: 2 }));
    const asked = [
      "null",
      "undefined",
      "true",
      "false",
      "1+1",
      "a > 1 ? [a] : null",
      "'text'",
      "typeof nowhere",
      " a ",
    ];
    assert.deepEqual(await peer.value(peer.pull(asked)), [
      null,
      null,
      true,
      false,
      2,
      [2],
      "text",
      "undefined",
      2,
    ]);
    for (const name of asked.slice(0, 4)) {
      assert.ok(
        [null, true, false].includes(await peer.value(peer.pull(name)) as null),
      );
    }
    assert.match(await peer.error(peer.pull("function")), /^SyntaxError/);
    assert.match(
      await peer.error(peer.push({ null: 1 })),
      /^SyntaxError: Cannot push "null": a word of the language/,
    );
    assert.match(await peer.error(peer.pull("a b")), /^SyntaxError/);
  },
);

peerTest("pulling what has no end is an error, and at once", async (peer) => {
  assert.equal(
    await peer.error(peer.pull("new Array(2**32-1)")),
    "PicklingError: Cannot send result: an array of 4294967295 places of which 0 are filled; send its entries",
  );
  const proxy = "new Proxy([], { get: (_, key) => key === 'length' ? 2 ** 32 - 1 : 1, " +
    "getOwnPropertyDescriptor: () => ({ value: 1, writable: true, enumerable: true, configurable: true }) })";
  assert.match(await peer.error(peer.pull(proxy)), /^PicklingError: .*more than/);
  const endless = "(function node() { return { get next() { return node(); } }; })()";
  assert.match(await peer.error(peer.pull(endless)), /^PicklingError: .*nested more than/);
});
