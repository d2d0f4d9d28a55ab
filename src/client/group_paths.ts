/**
 * Groups on this client's end: its paths to the task scheduler and to our engines, and what they have in common: the numbers under which it sends, the
 * functions that it has defined, and the gate through which groups come in. Only our own controller has this end.
 */
import type { By } from "../protocol/by.ts";
import { cancelledHere, thisClient } from "./by.ts";
import { setImmediate } from "node:timers";
import { TaskAborted } from "../protocol/errors.ts";
import type { Session } from "../protocol/frames.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, isGroup, KIND, ORIGIN, STATUS } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";
import { encodeValue, ValueWriter } from "../protocol/values.ts";
import { DefinitionIds } from "./definition_ids.ts";
import type { Engine } from "./engines.ts";
import type { Definition } from "./functions.ts";
import { GroupGate } from "./group_gate.ts";
import { type EncodedTask, type PathHost, TaskPath } from "./path.ts";
import type { Pending } from "./pending.ts";
import type { PutValues, ValueWay } from "./put_values.ts";
import { valueWay } from "./value_way.ts";
import { readTaken } from "../protocol/shared_layout.ts";
import type { SharedMemoryWay } from "./shared_memory.ts";
import { SharedUpload } from "./shared_upload.ts";
import type { StopWord, TaskState } from "./task_state.ts";
import type { Channel } from "./transport.ts";
import type { Welcome } from "./welcome.ts";

/** What groups need of the connection. */
export interface GroupHost {
  readonly session: Session;
  readonly pending: Pending;
  readonly isEnded: boolean;
  readonly values: PutValues;
  mended(): Promise<void>;
  nextN(): number;
  /** Memory to share with one engine. */
  sharedMemory(): SharedMemoryWay;
}

/** The two sockets that carry groups. */
export interface GroupChannels {
  readonly mux: Channel;
  readonly task: Channel;
}

export interface EncodeOptions {
  readonly definition: Definition | null;
  readonly tail: Uint8Array | null;
  /** What an error calls the value: `args`. */
  readonly root: string;
}

/** A body that grew the shared writer beyond this has it replaced, so that one large value does not stay in memory. */
const WRITER_BYTES = 1 << 20;
const encoder = new TextEncoder();

export class GroupPaths implements PathHost {
  readonly ids: DefinitionIds = new DefinitionIds();
  readonly card: Uint8Array;
  /** Kept here, since it is looked at for each task. */
  isBroken = false;
  /** The way to the task scheduler. */
  readonly taskPath: TaskPath;
  readonly #host: GroupHost;
  #welcome: Welcome;
  readonly #mac: Mac;
  readonly #mux: Channel;
  readonly #task: Channel;
  readonly #scratch = new GroupWriter(256);
  #gate: GroupGate;
  readonly #enginePaths = new Map<number, { readonly uuid: string; readonly path: TaskPath }>();
  /** By engine id. */
  readonly #memories = new Map<number, SharedMemoryWay>();
  readonly #name = new Uint32Array(4);
  readonly #dirty: TaskPath[] = [];
  readonly #flushDirty = () => this.flush();
  readonly values: PutValues;
  #writer: ValueWriter;
  #seq = 0;

  constructor(host: GroupHost, mac: Mac, welcome: Welcome, { mux, task }: GroupChannels) {
    this.#host = host;
    this.#mac = mac;
    this.#welcome = welcome;
    this.#mux = mux;
    this.#task = task;
    this.values = host.values;
    this.#writer = this.#newWriter();
    this.values.open(this.#valueWay());
    const { session, username, pid } = host.session;
    this.card = encodeValue({ kind: "client", session, username, pid }).body;
    this.#gate = new GroupGate(mac, welcome.nonce, welcome.client);
    this.taskPath = new TaskPath(this, {
      target: ANY,
      prefix: [],
      confirms: true,
      send: (frames) => task.send(frames),
      sendLarge: (frames, from) => task.sendLarge(frames, from),
    });
  }

  /** The way to one of our engines. */
  enginePath(engine: Engine): TaskPath {
    let path = this.#pathOf(engine);
    if (path === undefined) {
      const mux = this.#mux;
      const memory = this.#host.sharedMemory();
      this.#memories.set(engine.id, memory);
      path = new TaskPath(this, {
        target: engine.id,
        prefix: [encoder.encode(engine.uuid)],
        confirms: false,
        memory,
        send: (frames) => mux.send(frames),
        sendLarge: (frames, from) => mux.sendLarge(frames, from),
      });
      this.#enginePaths.set(engine.id, { uuid: engine.uuid, path });
    }
    return path;
  }

  /** Another controller may have given the id to another engine. */
  #pathOf({ id, uuid }: Engine): TaskPath | undefined {
    const known = this.#enginePaths.get(id);
    return known?.uuid === uuid ? known.path : undefined;
  }

  /** The connection stands again, with the same controller at it or another one. @returns whether it is another */
  renew(welcome: Welcome): boolean {
    const isNew = welcome.nonce !== this.#welcome.nonce || welcome.client !== this.#welcome.client;
    this.#welcome = welcome;
    if (isNew) this.#gate = new GroupGate(this.#mac, welcome.nonce, welcome.client);
    this.taskPath.renew(isNew);
    for (const { path } of this.#enginePaths.values()) path.renew(isNew);
    return isNew;
  }

  /** An engine registered, perhaps again: it knows nothing of what was sent before, and counts from 1. */
  registered(id: number): void {
    this.#gate.forget((id | ORIGIN.engineBit) >>> 0);
    this.#enginePaths.get(id)?.path.reset();
  }

  // ── what arrives ───────────────────────────────────────────────────────────────────────────

  /** Takes a message if it is a group; false if it is none. */
  received(channel: keyof GroupChannels, frames: readonly Uint8Array[]): boolean {
    const at = frames.findIndex(isGroup);
    const frame = frames[at];
    if (frame === undefined) return false;
    const header = this.#gate.open(frame, channel);
    const { reader } = this.#gate;
    switch (header?.kind) {
      case KIND.results:
        this.#host.pending.results(reader, this.client);
        break;
      case KIND.accepted:
        this.taskPath.accepted(header.acked);
        break;
      case KIND.mark:
        this.#sendBack(header.window);
        break;
      case KIND.chunk:
        this.#chunk(reader.chunk(), frames[at + 1]);
        break;
      case KIND.values:
        this.values.told(header.window, reader);
        break;
      case KIND.memory:
        this.#memories.get(header.origin - ORIGIN.engineBit)?.taken(readTaken(reader.rest()) ?? -1);
        break;
      case KIND.located:
        this.#located(reader, header.origin - ORIGIN.engineBit);
        break;
    }
    return true;
  }

  #located(reader: GroupReader, engine: number): void {
    const record = reader.chunk();
    if (!reader.name(this.#name)) return;
    const [, , place = 0, tag = 0] = this.#name;
    const piece = this.#memories.get(engine)?.piece(place, tag, record.length);
    this.#chunk(record, piece);
    piece?.release();
  }

  #chunk(record: Parameters<Pending["chunk"]>[0], piece: Parameters<Pending["chunk"]>[1] | undefined): void {
    if (record.client !== this.client || piece === undefined) return;
    try {
      this.#host.pending.chunk(record, piece);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // The result that it belongs to will not find its buffers, and say so.
    }
  }

  // ── what leaves ────────────────────────────────────────────────────────────────────────────

  /**
   * A task's value as bytes; valid until the next call.
   * @throws UncodableValue
   */
  encode(op: number, value: unknown, { definition, tail, root }: EncodeOptions): EncodedTask {
    const writer = this.#writer, { values } = this;
    writer.reset();
    const word = definition?.word;
    values.begin(definition?.refs);
    writer.write(word === undefined ? value : [...value as unknown[], word], root);
    const { buffers } = writer;
    const body = writer.bytes();
    if (writer.length > WRITER_BYTES) this.#writer = this.#newWriter();
    return values.finish({ op, definition, body, buffers, tail });
  }

  #newWriter(): ValueWriter {
    return new ValueWriter(4096, { kept: this.values.indexOf });
  }

  #valueWay(): ValueWay {
    const mux = this.#mux;
    const send = (frames: readonly Uint8Array[], from: number) => mux.sendLarge(frames, from);
    return valueWay({ host: this, sendLarge: send });
  }

  /** Keeps the id of a function until the returned function is called. */
  hold(definition: Definition): () => void {
    const known = this.ids.take(definition, () => {});
    return () => known !== null && this.ids.release(known.id);
  }

  /** Has the large buffers of a task that goes to several engines sent once. */
  shared(encoded: EncodedTask, engines: number): SharedUpload {
    const mux = this.#mux;
    const end = {
      host: this,
      sendLarge: (frames: readonly Uint8Array[], from: number) => mux.sendLarge(frames, from),
    };
    return new SharedUpload(end, encoded, engines);
  }

  get isEnded(): boolean {
    return this.#host.isEnded;
  }

  /** Sends what has waited for the connection. */
  resume(): void {
    this.taskPath.resume();
    for (const { path } of this.#enginePaths.values()) path.resume();
  }

  /** The connection broke, or stands again. */
  broken(isBroken: boolean): void {
    this.isBroken = isBroken;
  }

  mended(): Promise<void> {
    return this.#host.mended();
  }

  get client(): number {
    return this.#welcome.client;
  }

  nextN(): number {
    return this.#host.nextN();
  }

  seal(writer: GroupWriter, kind: number, target: number, window = 0): Uint8Array {
    const { client: origin, nonce } = this.#welcome;
    const seq = ++this.#seq;
    return writer.close(
      // 1: marks are sent back.
      { kind, origin, seq, target, nonce, acked: 0, committed: 0, window: kind === KIND.tasks ? 1 : window },
      this.#mac.sign,
    );
  }

  /** Everything before this mark has been read. */
  #sendBack(mark: number): void {
    this.#scratch.reset();
    if (!this.#host.isEnded) this.#task.send([this.seal(this.#scratch, KIND.mark, ANY, mark)]);
  }

  flushLater(path: TaskPath): void {
    if (this.#dirty.push(path) === 1) queueMicrotask(this.#flushDirty);
  }

  /** Sends what has gathered. */
  flush(): void {
    for (const path of this.#dirty.splice(0)) if (!this.#host.isEnded) path.flush();
  }

  /** The last thing that is sent; memory that is shared goes. */
  end(): void {
    this.flush();
    for (const memory of this.#memories.values()) memory.forget();
  }

  opened(task: TaskState): void {
    this.#host.pending.add(task);
  }

  by(reason: unknown): By {
    return thisClient(this.#host.session, reason);
  }

  refuse(task: TaskState, how: StopWord, reason: unknown): void {
    const { pending } = this.#host;
    if (how === "abort") return pending.fail(task, STATUS.aborted, new TaskAborted());
    pending.fail(
      task,
      STATUS.cancelled,
      cancelledHere(this.by(reason), " before it was sent", reason),
    );
  }

  failed(task: TaskState, error: unknown): void {
    this.#host.pending.fail(task, STATUS.error, error instanceof Error ? error : new Error(String(error)));
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
