/**
 * Records in MongoDB. Taking in only gathers documents; a commit writes them in bulk and is acknowledged when the server has them. While
 * the server is away everything is held and nothing is acknowledged, so that the schedulers, whose window is the bound of what can be
 * held, stop reading clients; each commit tries again.
 */

import { jsonText } from "../base/json.ts";
import { nodeCrypto } from "../base/builtin.ts";
import type { Logger } from "../base/log.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import { ANY, emptyResult, emptyTask, OP } from "../protocol/groups.ts";
import { partsOf } from "./group_parts.ts";
import type { Route } from "./ledger.ts";
import { INLINE_BYTES, MongoBatch } from "./mongo_batch.ts";
import type { EngineNote } from "./engine_notes.ts";
import { MongoNotes } from "./mongo_notes.ts";
import { MongoClients } from "./mongo_clients.ts";
import { mongoAway, MongoDatabase, type MongoPlace, reasonOf } from "./mongo_database.ts";
import { PieceOrder } from "./mongo_pieces.ts";
import { JSON_FIELDS, MongoReader, TASK_PLACES } from "./mongo_reader.ts";
import { type Condition, parseQuery } from "./query_match.ts";
import { RECORD_KEYS, type RecordKey } from "./record_keys.ts";
import {
  type CommitReport,
  msgIdOf,
  type Page,
  type PeerFields,
  type RecordContext,
  type RecordStore,
  type StoredRecord,
  type TaskOutput,
} from "./records.ts";
import { toMicros } from "./times.ts";

export interface MongoOptions extends MongoPlace {
  /** Bytes of text output per task, default 1 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

/** Entries of each cache. */
const MAX_CACHED = 10_000;
const encoder = new TextEncoder();

export class MongoRecords implements RecordStore {
  readonly name = "MongoDB";
  readonly keepsFrames = true;
  readonly #db: MongoDatabase;
  readonly clients: MongoClients;
  readonly #notes: MongoNotes;
  readonly #reader: MongoReader;
  readonly #log: Logger;
  readonly #maxOutputBytes: number;
  readonly #engines = new Map<number, string>();
  /** Rows of clients' definitions. */
  readonly #definitions = new Map<string, string>();
  readonly #outputBytes = new Map<string, number>();
  readonly #pieces = new PieceOrder();
  readonly #group = new GroupReader();
  /** Batches that are under way or wait for the server, oldest first; and what is gathered for the next. */
  readonly #sealed: MongoBatch[] = [];
  #batch = new MongoBatch();
  #committing: Promise<CommitReport> | undefined;
  #outputs = Math.round(performance.timeOrigin) * 1000;
  #isClosed = false;

  constructor(context: RecordContext, options: MongoOptions, log: Logger) {
    this.#db = new MongoDatabase(options, log);
    this.clients = new MongoClients(this.#db);
    this.#notes = new MongoNotes(this.#db);
    this.#reader = new MongoReader(this.#db, { clients: this.clients, notes: this.#notes }, context);
    this.#log = log;
    this.#maxOutputBytes = options.maxOutputBytes ?? 1 << 20;
  }

  async open(): Promise<void> {
    await this.#db.open();
    await this.clients.load();
  }

  get waiting(): number {
    return this.#batch.rows;
  }

  engine(id: number, uuid: string, note: EngineNote | null = null): void {
    this.#engines.set(id, uuid);
    if (note === null) return;
    this.#notes.set(uuid, note);
    const text = JSON.stringify(note);
    this.#batch.add("tsparallel_engines", { _id: uuid, note: text }, text.length);
  }

  takeTasks(frame: Uint8Array, route: Route): void {
    const header = this.#group.open(frame);
    const engine = route === "mux" && header.target !== ANY ? this.#engines.get(header.target) ?? null : null;
    const task = emptyTask();
    while (this.#group.task(task)) {
      const card = this.clients.card(task.client);
      if (!card) continue;
      const { body, tail } = partsOf(frame, task);
      const name = `${task.client} ${task.definition}`;
      if (task.op === OP.define) {
        this.#define(name, body, msgIdOf(card, task.n));
        continue;
      }
      const known = task.op === OP.apply ? this.#definitions.get(name) : undefined;
      const doc = {
        _id: msgIdOf(card, task.n),
        client: card.index,
        n: task.n,
        client_uuid: card.session,
        op: task.op,
        queue: route,
        definition: known ?? null,
        engine_uuid: engine,
        submitted: toMicros(task.submitted),
        body,
        tail: tail.length > 0 ? tail : null,
        buffer_count: task.buffers,
      };
      if (task.op !== OP.apply || known !== undefined) {
        this.#batch.add("tsparallel_submissions", doc, task.bodyLength);
      } else this.#batch.addUnresolved(doc, name, task.bodyLength);
    }
  }

  takeResults(frame: Uint8Array, received: number): void {
    this.#group.open(frame);
    const result = emptyResult();
    while (this.#group.result(result)) {
      const card = this.clients.card(result.client);
      if (!card) continue;
      const { body, tail } = partsOf(frame, result);
      this.#batch.add("tsparallel_results", {
        _id: msgIdOf(card, result.n),
        status: result.status,
        engine_uuid: this.#engines.get(result.engine) ?? null,
        epoch: result.epoch,
        started: toMicros(result.started),
        completed: toMicros(result.completed) ?? received,
        received,
        body,
        tail: tail.length > 0 ? tail : null,
        buffer_count: result.buffers,
      }, result.bodyLength);
    }
  }

  takeChunk(frame: Uint8Array, piece: Uint8Array): void {
    const { client, n, side, index: place, offset, total, attempt } = this.#pieces.take(frame, piece);
    const card = this.clients.card(client);
    if (!card) return;
    const task = msgIdOf(card, n);
    this.#batch.addPiece({ task, side: side === 1 ? 1 : 0, place, offset, total, attempt, data: piece });
  }

  put(msgId: string, fields: PeerFields): void {
    const { resubmitted, buffers, result_buffers: resultBuffers, ...plain } = fields;
    const doc: Record<string, unknown> = { ...plain };
    let bytes = 0;
    for (const key of JSON_FIELDS) {
      if (plain[key] === undefined) continue;
      const text = jsonText(plain[key]);
      bytes += text.length;
      doc[key] = text.length <= INLINE_BYTES / 4 ? text : this.#cut(msgId, key, [encoder.encode(text)]);
    }
    if (buffers) doc["buffers"] = this.#buffers(msgId, 0, buffers);
    if (resultBuffers) doc["result_buffers"] = this.#buffers(msgId, 1, resultBuffers);
    for (const buffer of [...buffers ?? [], ...resultBuffers ?? []]) bytes += buffer.length;
    if (Object.keys(doc).length > 0) this.#batch.message(msgId, doc, fields.header !== undefined, bytes);
    if (resubmitted !== undefined) this.#batch.resubmitted(msgId, resubmitted);
  }

  output(msgId: string, { kind, text }: TaskOutput): void {
    const before = this.#outputBytes.get(msgId);
    const after = (before ?? 0) + text.length;
    if (after > this.#maxOutputBytes) return;
    this.#outputBytes.set(msgId, after);
    for (const oldest of this.#outputBytes.keys()) {
      if (this.#outputBytes.size <= MAX_CACHED) break;
      this.#outputBytes.delete(oldest);
    }
    if (before === undefined && !this.clients.nameOf(msgId)) this.#batch.message(msgId, {}, true, 0);
    const order = ++this.#outputs;
    this.#batch.add("tsparallel_outputs", {
      _id: `${order} ${this.#pieces.attempt()}`,
      task: msgId,
      kind,
      text,
      order,
    }, text.length);
  }

  commit(): CommitReport | Promise<CommitReport> {
    this.#seal();
    if (this.#sealed.length === 0) return { kind: "committed" };
    return this.#committing ??= this.#write();
  }

  /** Nothing is ever dropped here but by request. */
  await(): void {}

  async get(msgId: string): Promise<StoredRecord | undefined> {
    return await this.#ask(() => this.#reader.get(msgId));
  }

  async find(
    conditions: readonly Condition[],
    limit: number | Page,
    keys: readonly RecordKey[] = RECORD_KEYS,
  ): Promise<StoredRecord[]> {
    return await this.#ask(() => this.#reader.find(conditions, limit, keys));
  }

  async history(): Promise<string[]> {
    return await this.#ask(() => this.#reader.history());
  }

  async drop(msgIds: readonly string[]): Promise<void> {
    await this.#ask(async () => {
      for (const [name, field] of TASK_PLACES) await this.#db.remove(name, field, msgIds);
    });
    for (const msgId of msgIds) this.#outputBytes.delete(msgId);
  }

  async dropFinished(engineUuid?: string): Promise<void> {
    const query = {
      completed: { $exists: true },
      ...(engineUuid === undefined ? {} : { engine_uuid: engineUuid }),
    };
    const finished = await this.find(parseQuery(query), Infinity, ["msg_id"]);
    await this.drop(finished.map((record) => record.msgId));
  }

  /** Writes what waits, if the server lets it, and closes the connection. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const report = await this.commit();
    if (report.kind === "refused") {
      const { reason, heldBytes } = report;
      this.#log.error("Records are lost: MongoDB was away to the end", { reason, heldBytes });
    }
    await this.#db.close();
  }

  /** Reads when the server has all that was taken in before. @throws RequestError (ConnectionError) if it is away */
  async #ask<T>(read: () => Promise<T>): Promise<T> {
    this.#seal();
    const last = this.#sealed.at(-1);
    try {
      while (last && this.#sealed.includes(last)) {
        const report = await this.commit();
        if (report.kind === "refused") throw new Error(report.reason);
      }
      return await read();
    } catch (error) {
      throw mongoAway(error);
    }
  }

  #seal(): void {
    if (this.#batch.rows === 0) return;
    this.#sealed.push(this.#batch);
    this.#batch = new MongoBatch();
  }

  /** Writes all batches, also those that are sealed meanwhile: when it ends, none is left or the server is away. */
  async #write(): Promise<CommitReport> {
    try {
      for (let batch = this.#sealed[0]; batch; batch = this.#sealed[0]) {
        await batch.write(this.#db);
        this.#sealed.shift();
      }
    } catch (error) {
      this.#committing = undefined;
      const heldBytes = this.#sealed.reduce((sum, batch) => sum + batch.bytes, this.#batch.bytes);
      return { kind: "refused", reason: reasonOf(error), heldBytes, isFull: true };
    }
    this.#committing = undefined;
    if (this.#definitions.size > MAX_CACHED && this.#batch.rows === 0) this.#definitions.clear();
    return { kind: "committed" };
  }

  /** A client's definition has this body from now on; equal bodies are stored once. */
  #define(name: string, body: Uint8Array, task: string): void {
    const isAhead = body.length === 0;
    const row = isAhead
      ? this.#pieces.attempt()
      : nodeCrypto().createHash("sha256").update(body).digest("hex");
    if (this.#definitions.get(name) === row) return;
    this.#definitions.set(name, row);
    this.#batch.define(name, row);
    this.#batch.add("tsparallel_definitions", isAhead ? { _id: row, task } : { _id: row, body }, body.length);
  }

  /** Buffers in the record, or how many bytes of them are in pieces beside it. */
  #buffers(msgId: string, side: 0 | 1, buffers: readonly Uint8Array[]): readonly Uint8Array[] | number {
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    return bytes <= INLINE_BYTES ? buffers : this.#cut(msgId, side, buffers);
  }

  #cut(msgId: string, side: 0 | 1 | string, buffers: readonly Uint8Array[]): number {
    const attempt = this.#pieces.attempt();
    buffers.forEach((buffer, place) => this.#batch.addPieces(msgId, side, place, buffer, attempt));
    return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  }
}
