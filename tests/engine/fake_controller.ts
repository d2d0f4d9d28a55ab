/**
 * A controller for tests of the engine host: its sockets, nothing of its wits. It answers registrations, sends pings and keeps what arrives.
 */
import assert from "node:assert/strict";
import { now } from "../../src/base/clock.ts";
import type { EngineConnection } from "../../src/protocol/connection_file.ts";
import { type Dictionary, type Message, Session } from "../../src/protocol/frames.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import {
  CHUNK_PIECE_BYTES,
  emptyResult,
  isGroup,
  KIND,
  MAC_BYTES,
  OP,
  ORIGIN,
  type ResultRecord,
  TASK_FLAG,
} from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { encodeValue, readValue } from "../../src/protocol/values.ts";
import { Context } from "../../src/wire/context.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";

export const KEY = "a key for tests";
export const NONCE = 0x1234_5678_9abc_def0n;
const PERIOD_MS = 200;

// Libraries are opened once per process, outside any test.
Context.open().close();
createMac(KEY).hex([]);

/** A result as a test wants to see it. */
export interface Seen extends ResultRecord {
  readonly path: "task" | "mux";
  readonly origin: number;
  readonly value: unknown;
  readonly tail: Dictionary;
}

/** A task to send. */
export interface Sent {
  readonly n: number;
  readonly op?: number;
  readonly value?: unknown;
  readonly definition?: number;
  readonly client?: number;
  readonly tail?: Dictionary;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class FakeController {
  readonly #context = Context.open();
  readonly #poller = new SyncPoller();
  readonly #mac = createMac(KEY);
  readonly session = new Session({ key: KEY });
  readonly connection: EngineConnection;
  readonly #sockets: Record<string, Socket> = {};
  readonly uuids: string[] = [];
  readonly requests: Message[] = [];
  readonly results: Seen[] = [];
  /** Names that came back: client, n, seq. */
  readonly returned: number[][] = [];
  readonly published: (Message & { readonly topic: string })[] = [];
  readonly replies: (Message & { readonly path: string })[] = [];
  readonly pieces: { readonly n: number; readonly offset: number; readonly bytes: Uint8Array }[] = [];
  readonly pongs = new Map<string, number>();
  answersRegistration = true;
  pings = true;
  seq = 0;
  acked = 0;
  window = 1000;
  #pingedAt = 0;
  /** Registered and not given up. */
  readonly #known = new Set<string>();

  constructor() {
    const port = (name: string, socket: Socket) => {
      this.#sockets[name] = socket;
      const url = socket.bind("tcp://127.0.0.1:*");
      return Number(url.slice(url.lastIndexOf(":") + 1));
    };
    const router = (name: string, identity = name) => {
      const at = port(name, this.#context.socket("ROUTER", { identity, mandatory: true, handover: true }));
      this.#poller.add(this.#sockets[name]!, () => this.#read(name));
      return at;
    };
    this.connection = {
      ssh: "",
      interface: "tcp://127.0.0.1",
      registration: router("registration"),
      control: router("control_out"),
      mux: router("mux_out"),
      task: router("task_out"),
      broadcast: [router("broadcast", "sub_scheduler_00")],
      hb_pong: router("hb_pong"),
      hb_ping: port("hb_ping", this.#context.socket("PUB")),
      iopub: port("iopub", this.#context.socket("SUB", { subscribe: [""] })),
      key: KEY,
      curve_serverkey: null,
      location: "",
      pack: "json",
      unpack: "json",
      signature_scheme: "hmac-sha256",
    };
    this.#poller.add(this.#sockets["iopub"]!, () => this.#read("iopub"));
  }

  #read(name: string): void {
    const socket = this.#sockets[name]!;
    for (let frames = socket.receive(); frames !== undefined; frames = socket.receive()) {
      this.#take(name, frames);
    }
  }

  #take(name: string, frames: Uint8Array[]): void {
    if (name === "hb_pong") {
      const uuid = decoder.decode(frames[0]);
      this.pongs.set(uuid, (this.pongs.get(uuid) ?? 0) + 1);
      return;
    }
    const at = frames.findIndex((frame) => isGroup(frame));
    if (at >= 0) return this.#takeGroup(name === "task_out" ? "task" : "mux", frames, at);
    const message = this.session.parse(frames);
    if (name === "iopub") this.published.push({ ...message, topic: decoder.decode(frames[0]) });
    else if (name === "registration") this.#takeRequest(message, frames[0]!);
    else this.replies.push({ ...message, path: name });
  }

  #takeRequest(message: Message, rid: Uint8Array): void {
    this.requests.push(message);
    if (message.header.msg_type !== "registration_request" || !this.answersRegistration) return;
    const uuid = String(message.content["uuid"]);
    if (!this.uuids.includes(uuid)) this.uuids.push(uuid);
    const again = this.#known.has(uuid);
    this.#known.add(uuid);
    const id = typeof message.content["id"] === "number" ? message.content["id"] : this.uuids.indexOf(uuid);
    const content = {
      id,
      status: "ok",
      hb_period: PERIOD_MS,
      connection_info: {},
      tsparallel: {
        version: 1,
        nonce: NONCE.toString(16).padStart(16, "0"),
        ...(again ? { again: true } : {}),
      },
    };
    this.#sockets["registration"]!.send([rid, ...this.session.message("registration_reply", content)]);
  }

  #takeGroup(path: "task" | "mux", frames: Uint8Array[], at: number): void {
    const frame = frames[at]!;
    assert.ok(this.#mac.verify(frame, MAC_BYTES, frame.length, 0), "the engine signs its groups");
    const reader = new GroupReader();
    const header = reader.open(frame);
    assert.equal(header.nonce, NONCE);
    if (header.kind === KIND.returned) {
      const name = new Uint32Array(4);
      while (reader.name(name)) this.returned.push([...name.subarray(0, 3)]);
    } else if (header.kind === KIND.chunk) {
      const { n, offset } = reader.chunk();
      this.pieces.push({ n, offset, bytes: frames[at + 1]! });
    } else if (header.kind === KIND.results) {
      for (let record = emptyResult(); reader.result(record); record = emptyResult()) {
        const end = record.bodyOffset + record.bodyLength;
        const body = frame.slice(record.bodyOffset, end - record.tailLength);
        const tail = record.tailLength === 0
          ? {}
          : JSON.parse(decoder.decode(frame.subarray(end - record.tailLength, end)));
        const value = body.length === 0 || record.buffers > 0 ? undefined : readValue(body);
        assert.equal(header.target, record.client);
        this.results.push({ ...record, path, origin: header.origin, value, tail });
        if (path === "task") this.acked++;
      }
    }
  }

  /** Waits until something holds, turning the sockets meanwhile. */
  async until(what: string, holds: () => boolean, timeoutMs = 15_000): Promise<void> {
    const end = now() + timeoutMs;
    while (!holds()) {
      if (now() > end) throw new Error(`Waited ${timeoutMs} ms for ${what}`);
      if (this.pings && now() - this.#pingedAt >= PERIOD_MS) {
        this.#pingedAt = now();
        this.#sockets["hb_ping"]!.send([encoder.encode(String(now()))]);
      }
      this.#poller.wait(10);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #header(kind: number, origin: number, target: number, window = this.window) {
    return { kind, origin, seq: ++this.seq, target, nonce: NONCE, acked: this.acked, committed: 0, window };
  }

  #group(tasks: readonly Sent[], origin: number, target: number): Uint8Array {
    const writer = new GroupWriter();
    for (
      const { n, op = OP.apply, value = [], definition = op === OP.apply ? 1 : 0, client = 7, tail } of tasks
    ) {
      const { body, buffers } = encodeValue(value);
      const more = tail === undefined ? new Uint8Array(0) : encoder.encode(JSON.stringify(tail));
      const bytes = new Uint8Array([...body, ...more]);
      const seq = origin === ORIGIN.scheduler ? 1000 + n : 0;
      const flags = (more.length > 0 ? TASK_FLAG.tail : 0) | (buffers.length > 0 ? TASK_FLAG.buffers : 0);
      writer.task(n, client, definition, op, flags, buffers.length, more.length, seq, now(), bytes);
    }
    return writer.close(this.#header(KIND.tasks, origin, target), this.#mac.sign).slice();
  }

  /** Sends frames to an engine on one of the controller's sockets. */
  async send(name: string, uuid: string, frames: readonly Uint8Array[]): Promise<void> {
    const all = [encoder.encode(uuid), ...frames];
    await this.until(`engine ${uuid} on ${name}`, () => this.#sockets[name]!.send(all));
  }

  /** Tasks of clients as the scheduler hands them on. */
  async schedule(uuid: string, tasks: readonly Sent[], id = this.uuids.indexOf(uuid)): Promise<Uint8Array> {
    const group = this.#group(tasks, ORIGIN.scheduler, id);
    await this.send("task_out", uuid, [group]);
    return group;
  }

  /** Tasks of a client for this engine. */
  async direct(uuid: string, tasks: readonly Sent[], client = 7, rid = "client"): Promise<void> {
    const group = this.#group(tasks.map((task) => ({ client, ...task })), client, this.uuids.indexOf(uuid));
    await this.send("mux_out", uuid, [encoder.encode(rid), group]);
  }

  /** Large buffers of a task of client 7, in pieces, as the scheduler passes them on. */
  async sendPieces(uuid: string, n: number, buffers: readonly Uint8Array[]): Promise<void> {
    for (const [index, buffer] of buffers.entries()) {
      for (let offset = 0; offset < buffer.length; offset += CHUNK_PIECE_BYTES) {
        const piece = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
        const writer = new GroupWriter();
        writer.chunk({ n, client: 7, index, side: 0, offset, length: piece.length, total: buffer.length });
        const header = this.#header(KIND.chunk, ORIGIN.scheduler, this.uuids.indexOf(uuid));
        await this.send("task_out", uuid, [writer.close(header, this.#mac.sign).slice(), piece]);
      }
    }
  }

  async names(uuid: string, kind: number, ns: readonly number[], word = 0, window = 0): Promise<void> {
    const writer = new GroupWriter();
    for (const n of ns) writer.name(7, n, 1000 + n, word);
    const header = this.#header(kind, ORIGIN.scheduler, this.uuids.indexOf(uuid), window);
    await this.send("task_out", uuid, [writer.close(header, this.#mac.sign).slice()]);
  }

  /** A Jupyter message to an engine; returns its msg_id. */
  async request(
    name: string,
    uuid: string,
    type: string,
    content: Dictionary,
    buffers: readonly Uint8Array[] = [],
  ): Promise<string> {
    const header = this.session.header(type);
    await this.send(name, uuid, [encoder.encode("peer"), ...this.session.pack(header, content, { buffers })]);
    return header.msg_id;
  }

  async notify(uuid: string, type: string, content: Dictionary): Promise<void> {
    if (type === "unregistration_notification") this.#known.delete(uuid);
    await this.send("registration", uuid, this.session.message(type, content));
  }

  result(n: number): Seen | undefined {
    return this.results.find((result) => result.n === n);
  }

  close(): void {
    for (const socket of Object.values(this.#sockets)) this.#poller.remove(socket);
    this.#context.close();
  }
}

/** The body of a define record for a function's text. */
export function defined(source: string): unknown {
  return { kind: "function", source, captures: {}, name: "f" };
}

export const CARD = { kind: "client", session: "s-7", username: "ann", pid: 99 };
