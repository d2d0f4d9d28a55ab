/**
 * Records in memory, for clusters that need none on disk. Bounded like ipyparallel's DictDB, with one difference: only finished
 * records are dropped, oldest first.
 */

import { GroupReader } from "../protocol/group_reader.ts";
import { emptyResult, emptyTask, OP } from "../protocol/groups.ts";
import { ChunkAssembler } from "./chunk_assembler.ts";
import { ClientTable } from "./client_table.ts";
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
  type ClientCard,
  type CommitReport,
  msgIdOf,
  type PeerFields,
  type RecordContext,
  type RecordStore,
  type StoredRecord,
  type TaskOutput,
} from "./records.ts";
import { keyError, quoted, RequestError } from "./request_error.ts";
import { toMicros } from "./times.ts";

export interface MemoryOptions {
  /** Finished records that are kept, default 1024. */
  readonly maxRecords?: number | undefined;
  /** Bytes of all records, default 1 GiB. */
  readonly maxBytes?: number | undefined;
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
const EMPTY = new Uint8Array(0);

export class MemoryRecords implements RecordStore {
  readonly name = "memory";
  readonly keepsFrames = true;
  readonly waiting = 0;
  readonly #context: RecordContext;
  readonly #limits: Required<{ [K in keyof MemoryOptions]: number }>;
  readonly #clients = new ClientTable();
  readonly #engines = new Map<number, string>();
  readonly #definitions = new Map<string, Uint8Array>();
  readonly #entries = new Map<string, Entry>();
  readonly #finished = new Set<string>();
  readonly #culled = new Set<string>();
  readonly #chunks = new ChunkAssembler(null);
  readonly #reader = new GroupReader();
  #bytes = 0;

  constructor(context: RecordContext, options: MemoryOptions = {}) {
    this.#context = context;
    this.#limits = {
      maxRecords: options.maxRecords ?? 1024,
      maxBytes: options.maxBytes ?? 1 << 30,
      maxOutputBytes: options.maxOutputBytes ?? 1 << 20,
    };
  }

  clientIndex(session: string, pid: number, username: string): number {
    return this.#clients.index(session, pid, username);
  }

  client(index: number): ClientCard | undefined {
    return this.#clients.card(index);
  }

  nameOf(msgId: string): { client: number; n: number } | undefined {
    return this.#clients.nameOf(msgId);
  }

  engine(id: number, uuid: string): void {
    this.#engines.set(id, uuid);
  }

  takeTasks(frame: Uint8Array, route: Route): void {
    const header = this.#reader.open(frame);
    const engineUuid = route === "mux" ? this.#engines.get(header.target) ?? null : null;
    const task = emptyTask();
    while (this.#reader.task(task)) {
      const card = this.#clients.card(task.client);
      if (!card) continue;
      const end = task.bodyOffset + task.bodyLength;
      const body = frame.slice(task.bodyOffset, end - task.tailLength);
      if (task.op === OP.define) {
        this.#define(card, task.definition, body.length > 0 ? body : this.#lastBuffer(card, task.n));
        continue;
      }
      const entry = this.#entry(msgIdOf(card, task.n));
      if (entry.group) continue;
      entry.group = {
        card,
        n: task.n,
        op: task.op,
        route,
        submitted: toMicros(task.submitted),
        body,
        tail: frame.slice(end - task.tailLength, end),
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
      const card = this.#clients.card(result.client);
      const msgId = card && msgIdOf(card, result.n);
      const entry = msgId === undefined ? undefined : this.#entries.get(msgId);
      if (msgId === undefined || !entry?.group || entry.group.result) continue;
      const end = result.bodyOffset + result.bodyLength;
      const outcome: GroupResult = {
        status: result.status,
        engineUuid: this.#engines.get(result.engine) ?? null,
        epoch: result.epoch,
        started: toMicros(result.started),
        completed: toMicros(result.completed),
        received,
        body: frame.slice(result.bodyOffset, end - result.tailLength),
        tail: frame.slice(end - result.tailLength, end),
        bufferCount: result.buffers,
      };
      entry.group = { ...entry.group, result: outcome };
      this.#grow(entry, result.bodyLength);
      this.#finish(msgId);
    }
  }

  takeChunk(frame: Uint8Array, piece: Uint8Array): void {
    const whole = this.#chunks.take(frame, piece);
    const card = whole && this.#clients.card(whole.client);
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
    if (typeof fields.completed === "number") this.#finish(msgId);
  }

  output(msgId: string, output: TaskOutput): void {
    const entry = this.#entry(msgId);
    if (!entry.peer && !this.#clients.nameOf(msgId)) entry.peer = { msg_id: msgId };
    if (entry.outputBytes + output.text.length > this.#limits.maxOutputBytes) return;
    entry.outputBytes += output.text.length;
    const isStream = output.kind === "stdout" || output.kind === "stderr";
    entry.outputs[output.kind] = isStream ? (entry.outputs[output.kind] ?? "") + output.text : output.text;
    this.#grow(entry, output.text.length);
  }

  commit(): CommitReport {
    return { kind: "committed" };
  }

  get(msgId: string): StoredRecord | undefined {
    const entry = this.#entries.get(msgId);
    if (!entry && this.#culled.has(msgId)) {
      throw keyError(`Record ${quoted(msgId)} has been culled for size`);
    }
    return entry && this.#view(msgId, entry);
  }

  find(conditions: readonly Condition[], limit: number): StoredRecord[] {
    const ids = askedIds(conditions) ?? this.#entries.keys();
    const found: StoredRecord[] = [];
    for (const id of ids) {
      const entry = this.#entries.get(id);
      const record = entry && this.#view(id, entry);
      if (!record || !matches(conditions, (key) => record.field(key))) continue;
      if (found.length === limit) {
        throw new RequestError("ValueError", `the query has more than ${limit} records`);
      }
      found.push(record);
    }
    return found.sort(bySubmission);
  }

  history(): string[] {
    const records = this.find([], Infinity);
    return records.filter((record) => record.submitted !== null).map((record) => record.msgId);
  }

  drop(msgIds: readonly string[]): void {
    for (const msgId of msgIds) {
      this.#bytes -= this.#entries.get(msgId)?.bytes ?? 0;
      this.#entries.delete(msgId);
      this.#finished.delete(msgId);
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
    return entry;
  }

  #view(msgId: string, entry: Entry): StoredRecord | undefined {
    const load = {
      definition: () => entry.definition,
      buffers: (side: 0 | 1) => Object.values(entry.buffers[side]),
      outputs: () => entry.outputs,
      resubmitted: () => entry.resubmitted,
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
    if (this.#bytes > this.#limits.maxBytes) this.#cull(() => this.#bytes > this.#limits.maxBytes * 0.9);
  }

  #finish(msgId: string): void {
    this.#finished.add(msgId);
    const { maxRecords } = this.#limits;
    if (this.#finished.size > maxRecords) this.#cull(() => this.#finished.size > maxRecords * 0.9);
  }

  /** Drops finished records, oldest first, as long as it must. */
  #cull(isWanted: () => boolean): void {
    for (const msgId of this.#finished) {
      if (!isWanted()) return;
      this.drop([msgId]);
      if (this.#culled.size >= MAX_CULLED) this.#culled.clear();
      this.#culled.add(msgId);
    }
  }
}

/** Order of records in answers: by submission, those without one last. */
export function bySubmission(a: StoredRecord, b: StoredRecord): number {
  return (a.submitted ?? Infinity) - (b.submitted ?? Infinity) || 0;
}
