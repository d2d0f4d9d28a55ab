/** The control relay passes requests on as they are, and reads one letter: the abort_request, whose ids concern the schedulers too. */
import assert from "node:assert/strict";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { ControlRelay } from "../../src/scheduler/control_relay.ts";
import { EarlyAborts } from "../../src/scheduler/early_aborts.ts";
import type { GroupDoor } from "../../src/scheduler/group_door.ts";
import { NO_PERMISSIONS } from "../../src/protocol/permissions.ts";
import type { Gate, Sender } from "../../src/scheduler/gate.ts";
import type { HubLink } from "../../src/scheduler/hub_link.ts";
import { PeerDoor } from "../../src/scheduler/peer_door.ts";
import { Context } from "../../src/wire/context.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { until } from "../hub/fake_scheduler.ts";

createMac("a key").hex([]);
Context.open().close();

const KEY = "the cluster's key";
const UUID = "the engine";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A relay between a client and an engine. */
class Stage implements Disposable {
  readonly #context = Context.open();
  readonly client: Socket;
  readonly session = new Session({ key: KEY });
  readonly #read = new Session({ key: KEY });
  readonly told: string[] = [];
  readonly dropped: string[] = [];
  /** Ids that a scheduler knows, and what it was told to abort. */
  readonly known = new Set<string>();
  readonly aborted: string[] = [];
  /** Ids of broadcasts that are open. */
  readonly copies = new Map<string, string>();
  readonly early = new EarlyAborts();
  /** Who the client is, and whether the engine keeps to what that one may ask for. */
  sender: Sender = { key: "", cap: null, ownCap: null, isController: false };
  isOurs = false;
  readonly relay: ControlRelay;
  readonly #engines: Socket;
  #engine: Socket | undefined;

  constructor() {
    const clients = this.#context.socket("ROUTER", { lingerMs: 0 });
    this.client = this.#context.socket("DEALER", { lingerMs: 0, identity: "the client" });
    this.client.connect(clients.bind("tcp://127.0.0.1:*"));
    this.#engines = this.#context.socket("ROUTER", { lingerMs: 0, mandatory: true, identity: "control_out" });
    this.relay = new ControlRelay({
      clients,
      engines: this.#engines,
      link: { send: (topic: string) => void this.told.push(topic) } as unknown as HubLink,
      door: new PeerDoor(
        new Session({ key: KEY }),
        { drop: (_peer: string, why: string) => void this.dropped.push(why) } as unknown as GroupDoor,
      ),
      isRegistered: (uuid) => uuid === UUID,
      isOurs: () => this.isOurs,
      gate: { senderOf: () => this.sender, mayBe: () => true } as unknown as Gate,
      abort: (msgId) => {
        if (this.known.has(msgId)) this.aborted.push(msgId);
        return this.known.has(msgId);
      },
      early: this.early,
      copyAt: (msgId, uuid) => uuid === UUID ? this.copies.get(msgId) : undefined,
    });
  }

  /** The engine's control socket connects. */
  connect(): void {
    this.#engine = this.#context.socket("DEALER", { lingerMs: 0, identity: UUID });
    this.#engine.connect(this.#engines.bind("tcp://127.0.0.1:*"));
  }

  /** A request of the client to the engine; gives its frames. */
  ask(type: string, content: object, session = this.session): Uint8Array[] {
    const frames = session.message(type, content, { metadata: { kept: true }, buffers: [bytes("b")] });
    this.client.send([bytes(UUID), ...frames]);
    return frames;
  }

  /** The next message at the engine. */
  async next(): Promise<{ readonly frames: Uint8Array[]; readonly message: Message }> {
    const frames = await until("a request at the engine", () => {
      this.relay.read();
      this.relay.flush();
      return this.#engine?.receive();
    });
    return { frames, message: this.#read.parse(frames) };
  }

  /** Reads until something holds. */
  async read(what: string, holds: () => boolean): Promise<void> {
    await until(what, () => {
      this.relay.read();
      return holds() || undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#context.close();
  }
}

Deno.test("a request reaches its engine as it is, with the client in front", async () => {
  using stage = new Stage();
  stage.connect();
  const frames = stage.ask("clear_request", {});
  assert.deepEqual((await stage.next()).frames, [bytes("the client"), ...frames]);
  assert.deepEqual([stage.told, stage.dropped, stage.relay.isWaiting], [["incontrol"], [], false]);
});

Deno.test("what is not signed, seen before, or no message is dropped", async () => {
  using stage = new Stage();
  stage.connect();
  stage.ask("clear_request", {}, new Session({ key: "another" }));
  stage.client.send([bytes(UUID)]);
  stage.client.send([bytes(UUID), bytes("noise")]);
  const frames = stage.ask("clear_request", {});
  stage.client.send([bytes(UUID), ...frames]);
  assert.deepEqual((await stage.next()).frames.slice(1), frames);
  await stage.read("four are dropped", () => stage.dropped.length === 4);
});

Deno.test("an abort goes on unchanged; the schedulers hear of its ids, and unknown ones are remembered", async () => {
  using stage = new Stage();
  stage.connect();
  stage.known.add("waits");
  const frames = stage.ask("abort_request", { msg_ids: ["waits", "unheard of", 7, ""] });
  assert.deepEqual((await stage.next()).frames, [bytes("the client"), ...frames]);
  assert.deepEqual(stage.aborted, ["waits"]);
  assert.deepEqual(["waits", "unheard of", "7"].map((id) => stage.early.take(id)), [false, true, false]);
  const single = stage.ask("abort_request", { msg_ids: "waits" });
  assert.deepEqual((await stage.next()).frames.slice(1), single);
  assert.deepEqual(stage.aborted, ["waits", "waits"]);
});

Deno.test("an open broadcast's id is joined by that of the engine's copy, signed anew", async () => {
  using stage = new Stage();
  stage.connect();
  stage.copies.set("m", "m_the engine");
  const frames = stage.ask("abort_request", { msg_ids: ["m", "other"], more: 2n ** 60n });
  const { message } = await stage.next();
  assert.deepEqual(message.content, { msg_ids: ["m", "other", "m_the engine"], more: 2n ** 60n });
  assert.deepEqual(message.header, new Session({ key: KEY }).parse(frames).header);
  assert.deepEqual([message.metadata, message.buffers], [{ kept: true }, [bytes("b")]]);
  assert.deepEqual(["m", "other"].map((id) => stage.early.take(id)), [false, true]);
});

Deno.test("requests wait for an engine's connection, and are forgotten with it", async () => {
  using stage = new Stage();
  const frames = stage.ask("clear_request", {});
  await stage.read("it waits", () => stage.relay.isWaiting);
  stage.connect();
  assert.deepEqual((await stage.next()).frames.slice(1), frames);
  assert.equal(stage.relay.isWaiting, false);

  using other = new Stage();
  other.ask("clear_request", {});
  await other.read("it waits", () => other.relay.isWaiting);
  other.relay.unregistered(UUID);
  assert.equal(other.relay.isWaiting, false);
});

Deno.test("a client that is capped runs no cell on the control channel of an engine that keeps to no cap", async () => {
  using stage = new Stage();
  stage.connect();
  const permissions = NO_PERMISSIONS;
  stage.sender = {
    key: "k",
    cap: { name: "bob", permissions, isAll: false },
    ownCap: "none",
    isController: false,
  };
  const cell = stage.ask("execute_request", { code: "1" });
  const frames = await until("the refusal", () => {
    stage.relay.read();
    return stage.client.receive();
  });
  const refusal = new Session({ key: KEY }).parse(frames);
  assert.deepEqual([refusal.header.msg_type, refusal.content["ename"]], [
    "execute_reply",
    "PermissionDenied",
  ]);
  assert.equal(refusal.parentHeader["msg_id"], new Session({ key: KEY }).parse(cell).header.msg_id);
  // What runs nothing goes on, and to an engine with walls everything does.
  const clear = stage.ask("clear_request", {});
  assert.deepEqual((await stage.next()).frames.slice(1), clear);
  stage.isOurs = true;
  const again = stage.ask("execute_request", { code: "2" });
  assert.deepEqual((await stage.next()).frames.slice(1), again);
});
