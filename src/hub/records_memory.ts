/**
 * Records in memory, for clusters that need none on disk. Bounded like ipyparallel's DictDB: beyond so many records the oldest tenth
 * of the limit is dropped, beyond so many bytes the oldest until a tenth is free. One difference: nothing is counted or dropped that
 * somebody still waits for, which is every open task, and a finished one whose result a client asked for and has not had yet.
 */

import { GroupReader } from "../protocol/group_reader.ts";
import { emptyResult, emptyTask, OP } from "../protocol/groups.ts";
import { type EngineNote, MAX_NOTES } from "./engine_notes.ts";
import { ChunkAssembler } from "./chunk_assembler.ts";
import { ClientTable } from "./client_table.ts";
import { FoundRecords } from "./found_records.ts";
import { partsOf } from "./group_parts.ts";
import type { Route } from "./ledger.ts";
import { askedIds, type Condition, matches } from "./query_match.ts";
import {
  GroupRecord,
  type GroupResult,
  type GroupRow,
  type Outputs,
  PeerRecord,
  type PeerRow,
} from "./record_view.ts";
import {
  bySubmission,
  type ClientCard,
  type CommitReport,
  msgIdOf,
  type Page,
  type PeerFields,
  type RecordContext,
  type RecordStore,
  type StoredRecord,
  type TaskOutput,
} from "./records.ts";
import { keyError, quoted } from "./request_error.ts";
import { Slices } from "./slices.ts";
import { toMicros } from "./times.ts";

export interface MemoryOptions {
  /** Records of finished tasks that are kept, default 1024. */
  readonly maxRecords?: number | undefined;
  /** Bytes of all records, default 1 GiB. */
  readonly maxBytes?: number | undefined;
  /** The share of either limit that is dropped when it is exceeded, default 0.1. */
  readonly cullFraction?: number | undefined;
  /** Bytes of text output per task, default 1 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

/** One record with what belongs to it. */
interface Entry {
  group: GroupRow | null;
  peer: PeerRow | null;
  definition: Uint8Array | null;
  buffers: [Uint8Array[], Uint8Array[]];
  outputs: Outputs;
  outputBytes: number;
  resubmitted: string | null;
  bytes: number;
}

/** Ids of dropped records that are remembered, so that the answer can say why. */
const MAX_CULLED = 10_000;
/** Tasks that are remembered for somebody waiting for them; who asked first is forgotten first. */
const MAX_AWAITED = 100_000;
const EMPTY = new Uint8Array(0);

export class MemoryRecords implements RecordStore {
  readonly name = "memory";
  readonly keepsFrames = true;
  readonly waiting = 0;
  readonly #context: RecordContext;
  readonly #limits: Required<{ [K in keyof MemoryOptions]: number }>;
  readonly clients = new ClientTable();
  readonly #engines = new Map<number, string>();
  readonly #notes = new Map<string, EngineNote>();
  readonly #definitions = new Map<string, Uint8Array>();
  readonly #entries = new Map<string, Entry>();
  readonly #finished = new Set<string>();
  /** What came ahead of its task, or without one: output, pieces. Bounded like the finished ones. */
  readonly #strays = new Set<string>();
  readonly #awaited = new Set<string>();
  readonly #culled = new Set<string>();
  readonly #chunks = new ChunkAssembler(null);
  readonly #reader = new GroupReader();
  #bytes = 0;

  constructor(context: RecordContext, options: MemoryOptions = {}) {
    this.#context = context;
    this.#limits = {
      maxRecords: options.maxRecords ?? 1024,
      maxBytes: options.maxBytes ?? 1 << 30,
      cullFraction: options.cullFraction ?? 0.1,
      maxOutputBytes: options.maxOutputBytes ?? 1 << 20,
    };
  }

  engine(id: number, uuid: string, note: EngineNote | null = null): void {
    this.#engines.set(id, uuid);
    if (note === null) return;
    this.#notes.delete(uuid);
    this.#notes.set(uuid, note);
    if (this.#notes.size > MAX_NOTES) this.#notes.delete(first(new Set(this.#notes.keys())));
  }

  takeTasks(frame: Uint8Array, route: Route): void {
    const header = this.#reader.open(frame);
    const engineUuid = route === "mux" ? this.#engines.get(header.target) ?? null : null;
    const task = emptyTask();
    while (this.#reader.task(task)) {
      const card = this.clients.card(task.client);
      if (!card) continue;
      const { body, tail } = partsOf(frame, task);
      if (task.op === OP.define) {
        const whole = body.length > 0 ? body.slice() : this.#lastBuffer(card, task.n);
        this.#define(card, task.definition, whole);
        continue;
      }
      const msgId = msgIdOf(card, task.n);
      const entry = this.#entry(msgId);
      if (entry.group) continue;
      this.#strays.delete(msgId);
      entry.group = {
        card,
        n: task.n,
        op: task.op,
        route,
        submitted: toMicros(task.submitted),
        body: body.slice(),
        tail: tail.slice(),
        bufferCount: task.buffers,
        engineUuid,
        result: null,
      };
      entry.definition = this.#definitions.get(`${card.index} ${task.definition}`) ?? null;
      this.#grow(entry, task.bodyLength);
    }
  }

  takeResults(frame: Uint8Array, received: number): void {
    this.#reader.open(frame);
    const result = emptyResult();
    while (this.#reader.result(result)) {
      const card = this.clients.card(result.client);
      const msgId = card && msgIdOf(card, result.n);
      const entry = msgId === undefined ? undefined : this.#entries.get(msgId);
      if (msgId === undefined || !entry?.group || entry.group.result) continue;
      const { body, tail } = partsOf(frame, result);
      const outcome: GroupResult = {
        status: result.status,
        engineUuid: this.#engines.get(result.engine) ?? null,
        epoch: result.epoch,
        started: toMicros(result.started),
        completed: toMicros(result.completed),
        received,
        body: body.slice(),
        tail: tail.slice(),
        bufferCount: result.buffers,
      };
      entry.group = { ...entry.group, result: outcome };
      this.#grow(entry, result.bodyLength);
      this.#finish(msgId);
    }
  }

  takeChunk(frame: Uint8Array, piece: Uint8Array): void {
    const whole = this.#chunks.take(frame, piece);
    const card = whole && this.clients.card(whole.client);
    if (!whole?.bytes || !card) return;
    const entry = this.#entry(msgIdOf(card, whole.n));
    entry.buffers[whole.side][whole.index] = whole.bytes;
    this.#grow(entry, whole.size);
  }

  put(msgId: string, fields: PeerFields): void {
    const entry = this.#entry(msgId);
    const { buffers, result_buffers: resultBuffers, resubmitted, ...plain } = fields;
    if (resubmitted !== undefined) entry.resubmitted = resubmitted;
    if (buffers) entry.buffers[0] = [...buffers];
    if (resultBuffers) entry.buffers[1] = [...resultBuffers];
    for (const buffer of [...buffers ?? [], ...resultBuffers ?? []]) this.#grow(entry, buffer.length);
    if (Object.keys(plain).length > 0) entry.peer = { ...entry.peer, ...plain, msg_id: msgId };
    if (fields.header || typeof fields.submitted === "number") this.#strays.delete(msgId);
    if (typeof fields.completed === "number") this.#finish(msgId);
  }

  output(msgId: string, output: TaskOutput): void {
    const entry = this.#entry(msgId);
    if (!entry.peer && !this.clients.nameOf(msgId)) entry.peer = { msg_id: msgId };
    if (entry.outputBytes + output.text.length > this.#limits.maxOutputBytes) return;
    entry.outputBytes += output.text.length;
    const isStream = output.kind === "stdout" || output.kind === "stderr";
    entry.outputs[output.kind] = isStream ? (entry.outputs[output.kind] ?? "") + output.text : output.text;
    this.#grow(entry, output.text.length);
  }

  commit(): CommitReport {
    return { kind: "committed" };
  }

  await(msgId: string, isAwaited: boolean): void {
    this.#awaited.delete(msgId);
    if (!isAwaited) return;
    this.#awaited.add(msgId);
    if (this.#awaited.size > MAX_AWAITED) this.#awaited.delete(first(this.#awaited));
  }

  get(msgId: string): StoredRecord | undefined {
    const entry = this.#entries.get(msgId);
    if (!entry && this.#culled.has(msgId)) {
      throw keyError(`Record ${quoted(msgId)} has been culled for size`);
    }
    return entry && this.#view(msgId, entry);
  }

  async find(conditions: readonly Condition[], limit: number | Page): Promise<StoredRecord[]> {
    const ids = askedIds(conditions) ?? this.#entries.keys();
    const found = new FoundRecords(limit), slices = new Slices();
    for (const id of ids) {
      const entry = this.#entries.get(id);
      const record = entry && this.#view(id, entry);
      if (record && matches(conditions, (key) => record.field(key))) found.add(record);
      if (slices.isOver) await slices.next();
    }
    return found.sorted();
  }

  async history(): Promise<string[]> {
    const records = await this.find([], Infinity);
    return records.filter((record) => record.submitted !== null).map((record) => record.msgId);
  }

  drop(msgIds: readonly string[]): void {
    for (const msgId of msgIds) {
      this.#bytes -= this.#entries.get(msgId)?.bytes ?? 0;
      this.#entries.delete(msgId);
      this.#finished.delete(msgId);
      this.#strays.delete(msgId);
    }
  }

  dropFinished(engineUuid?: string): void {
    const doomed = [...this.#finished].filter((msgId) =>
      engineUuid === undefined || this.get(msgId)?.field("engine_uuid") === engineUuid
    );
    this.drop(doomed);
  }

  close(): void {
    this.#entries.clear();
    this.#chunks.close();
  }

  #entry(msgId: string): Entry {
    let entry = this.#entries.get(msgId);
    if (entry) return entry;
    entry = {
      group: null,
      peer: null,
      definition: null,
      buffers: [[], []],
      outputs: {},
      outputBytes: 0,
      resubmitted: null,
      bytes: 0,
    };
    this.#entries.set(msgId, entry);
    this.#strays.add(msgId);
    if (this.#strays.size > this.#limits.maxRecords) this.drop([first(this.#strays)]);
    return entry;
  }

  #view(msgId: string, entry: Entry): StoredRecord | undefined {
    const load = {
      definition: () => entry.definition,
      buffers: (side: 0 | 1) => Object.values(entry.buffers[side]),
      outputs: () => entry.outputs,
      resubmitted: () => entry.resubmitted,
      note: (uuid: string) => this.#notes.get(uuid) ?? null,
      assigned: () => entry.group && this.#context.engineOf(entry.group.card.index, entry.group.n),
    };
    if (entry.group) return new GroupRecord(entry.group, load);
    if (!entry.peer) return undefined;
    const { resubmitted } = entry;
    return new PeerRecord({ ...entry.peer, msg_id: msgId, ...(resubmitted ? { resubmitted } : {}) }, load);
  }

  #define(card: ClientCard, definition: number, body: Uint8Array): void {
    this.#definitions.set(`${card.index} ${definition}`, body);
  }

  #lastBuffer(card: ClientCard, n: number): Uint8Array {
    return this.#entries.get(msgIdOf(card, n))?.buffers[0].at(-1) ?? EMPTY;
  }

  #grow(entry: Entry, bytes: number): void {
    entry.bytes += bytes;
    this.#bytes += bytes;
    const { maxBytes, cullFraction } = this.#limits;
    if (this.#bytes > maxBytes) this.#cull(() => this.#bytes > maxBytes * (1 - cullFraction));
  }

  #finish(msgId: string): void {
    if (!this.#entries.has(msgId)) return;
    this.#finished.add(msgId);
    const { maxRecords, cullFraction } = this.#limits;
    if (this.#finished.size <= maxRecords) return;
    const least = this.#finished.size - Math.max(1, Math.floor(maxRecords * cullFraction));
    this.#cull(() => this.#finished.size > least);
  }

  /** Drops finished records, oldest first, as long as it must. */
  #cull(isWanted: () => boolean): void {
    const oldest = [...this.#finished].map((msgId) => ({ msgId, submitted: this.#submitted(msgId) }));
    for (const { msgId } of oldest.sort(bySubmission)) {
      if (!isWanted()) return;
      if (this.#awaited.has(msgId)) continue;
      this.drop([msgId]);
      if (this.#culled.size >= MAX_CULLED) this.#culled.delete(first(this.#culled));
      this.#culled.add(msgId);
    }
  }

  #submitted(msgId: string): number | null {
    const entry = this.#entries.get(msgId);
    return entry?.group?.submitted ?? entry?.peer?.submitted ?? null;
  }
}

/** What was added first to a set that is not empty. */
function first(set: ReadonlySet<string>): string {
  for (const item of set) return item;
  return "";
}
