/**
 * Engines that are none: they register, answer pings, and give back each task's argument as its result at once. Many of them in one process, to
 * see what a controller does with many. `echo_engines.ts PROFILE_DIR COUNT` says `ready` when all are registered, and runs until it is killed.
 */
import { now } from "../../src/base/clock.ts";
import { connectionPaths, readConnectionFile } from "../../src/protocol/connection_file.ts";
import { type Dictionary, Session } from "../../src/protocol/frames.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { emptyTask, HEADER_BYTES, KIND, MAC_BYTES, OP, ORIGIN, STATUS } from "../../src/protocol/groups.ts";
import { createMac, type Mac } from "../../src/protocol/mac.ts";
import { EXTENSION_VERSION } from "../../src/protocol/messages.ts";
import { NO_OFFER, offerJson } from "../../src/protocol/task_asks.ts";
import { endpointsOf } from "../../src/engine/endpoints.ts";
import { Context } from "../../src/wire/context.ts";
import { Incoming } from "../../src/wire/incoming.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";

/** How long its tasks claim to take, in ms: about what a no-op takes in a slot. */
const TASK_MS = 0.004;
const REGISTRATION_MS = 10_000;

/** What all engines of the process use. */
class Tools {
  readonly reader = new GroupReader();
  readonly task = emptyTask();
  readonly writer = new GroupWriter();
  readonly incoming = new Incoming();

  constructor(readonly mac: Mac) {}
}

class EchoEngine {
  readonly #tools: Tools;
  #id = 0;
  #nonce = 0n;
  #seq = 0;

  constructor(tools: Tools, readonly uuid: string, readonly shell: Socket, readonly pong: Socket) {
    this.#tools = tools;
  }

  registered(id: number, nonce: bigint): void {
    this.#id = id;
    this.#nonce = nonce;
  }

  /** Answers everything that has come. */
  read(): void {
    const { incoming } = this.#tools;
    while (this.shell.receiveInto(incoming)) this.#take(incoming.frame(incoming.count - 1));
  }

  #take(frame: Uint8Array): void {
    const { mac, reader, task, writer } = this.#tools;
    if (frame.length < HEADER_BYTES || !mac.verify(frame, MAC_BYTES, frame.length, 0)) {
      throw new Error("A group of the scheduler is not signed rightly");
    }
    if (reader.open(frame).kind !== KIND.tasks) return;
    let at = now(), client = 0;
    writer.reset();
    while (reader.task(task)) {
      if (task.op === OP.define) continue;
      if (task.client !== client) this.#send(client);
      client = task.client;
      const body = frame.subarray(task.bodyOffset, task.bodyOffset + task.bodyLength);
      const completed = at + TASK_MS;
      writer.result(task.n, client, STATUS.ok, 0, 0, this.#id, 0, task.seq, 1, at, completed, body);
      at = completed;
    }
    this.#send(client);
  }

  #send(target: number): void {
    const { mac, writer } = this.#tools;
    if (writer.count === 0) return;
    const origin = (this.#id | ORIGIN.engineBit) >>> 0;
    const header = { kind: KIND.results, origin, seq: ++this.#seq, target, nonce: this.#nonce };
    this.shell.send([writer.close({ ...header, acked: 0, committed: 0, window: 0 }, mac.sign)]);
    writer.reset();
  }
}

/** Registers and runs so many. */
function runEngines(profileDir: string, count: number): void {
  const connection = readConnectionFile(connectionPaths(profileDir, "").engine, "engine");
  const endpoints = endpointsOf(connection), mac = createMac(connection.key), tools = new Tools(mac);
  const context = Context.open(), poller = new SyncPoller();
  const ping = context.socket("SUB", { subscribe: [""] });
  ping.connect(endpoints.ping);
  const engines: EchoEngine[] = [];
  poller.add(ping, () => {
    for (let beat = ping.receive(); beat !== undefined; beat = ping.receive()) {
      for (const { pong } of engines) pong.send(beat);
    }
  });
  for (let i = 0; i < count; i++) {
    const uuid = crypto.randomUUID();
    const shell = context.socket("DEALER", { identity: uuid }),
      pong = context.socket("DEALER", { identity: uuid });
    shell.connect(endpoints.task);
    pong.connect(endpoints.pong);
    const engine = new EchoEngine(tools, uuid, shell, pong);
    engines.push(engine);
    poller.add(shell, () => engine.read());
  }
  for (const engine of engines) {
    const registration = context.socket("DEALER", { identity: engine.uuid });
    registration.connect(endpoints.registration);
    register(engine, registration, new Session({ key: connection.key, session: engine.uuid, mac }), poller);
  }
  console.log("ready");
  for (;;) poller.wait(100);
}

function register(engine: EchoEngine, socket: Socket, session: Session, poller: SyncPoller): void {
  const tsparallel = {
    version: EXTENSION_VERSION,
    host: Deno.hostname(),
    pid: Deno.pid,
    sandbox: "none",
    permissions: offerJson(NO_OFFER),
  };
  socket.send(session.message("registration_request", { uuid: engine.uuid, tsparallel }));
  const content = reply(socket, session, poller);
  const granted = content["tsparallel"] as { nonce: string };
  if (content["status"] !== "ok") throw new Error(`Cannot register: ${JSON.stringify(content)}`);
  engine.registered(Number(content["id"]), BigInt(`0x${granted.nonce}`));
}

function reply(socket: Socket, session: Session, poller: SyncPoller): Dictionary {
  for (const until = now() + REGISTRATION_MS; now() < until;) {
    const frames = socket.receive();
    if (frames === undefined) {
      poller.wait(1);
      continue;
    }
    // The hub also tells of others that come and go.
    const { header, content } = session.parse(frames);
    if (header.msg_type === "registration_reply") return content;
  }
  throw new Error("Cannot register: no reply of the hub");
}

if (import.meta.main) runEngines(Deno.args[0]!, Number(Deno.args[1]));
