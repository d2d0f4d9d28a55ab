/**
 * What clients ask the hub: one handler per request. Contents come checked (`protocol/shapes.ts`); a handler returns the reply or
 * throws, and whatever it throws becomes an error reply.
 */

import type { Packer } from "../protocol/packers.ts";
import { sizeOf } from "./found_records.ts";
import { joinedPickle } from "./joined_pickle.ts";
import type { Ledger, Place } from "./ledger.ts";
import { HUB_BOUNDS } from "./options.ts";
import { PackedList } from "./packed_list.ts";
import type { RecordPage } from "../protocol/messages.ts";
import { checkTimes, type Condition, parseQuery } from "./query_match.ts";
import { isRecordKey, RECORD_KEYS, type RecordKey } from "./record_keys.ts";
import { noData } from "./records_none.ts";
import { msgIdOf, type Page, type RecordStore, type StoredRecord } from "./records.ts";
import type { Registry } from "./registry.ts";
import { keyError, quoted, RequestError, tooLarge } from "./request_error.ts";
import { Slices } from "./slices.ts";
import { parseTime } from "./times.ts";

/** A reply's content and buffers. */
export interface Answer {
  readonly content: Readonly<Record<string, unknown>>;
  /** One more entry of the content, which may be long. */
  readonly list?: PackedList;
  readonly buffers?: readonly Uint8Array[];
}

export interface QueryParts {
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly store: RecordStore;
  readonly packer: Packer;
}

type Targets = number | string | readonly (number | string)[] | null;

/** Keys of a record in `io` of a result reply. */
const IO_KEYS = ["execute_input", "execute_result", "error", "stdout", "stderr"] as const;
const RESULT_KEYS = [
  "header",
  "metadata",
  "result_metadata",
  "result_header",
  "result_content",
  "received",
] as const;

export class Queries {
  readonly #parts: QueryParts;

  constructor(parts: QueryParts) {
    this.#parts = parts;
  }

  /** Counts per engine, or msg_ids with `verbose`. @throws RequestError (IndexError) for an unknown engine */
  async queue(
    { targets, verbose }: { readonly targets: Targets; readonly verbose: boolean },
  ): Promise<Answer> {
    const { ledger } = this.#parts;
    const ids = this.#engineIds(targets);
    if (!verbose) {
      const numbers = ids.map((id) => [String(id), { ...ledger.numbers(id) }]);
      return { content: { status: "ok", ...Object.fromEntries(numbers), unassigned: ledger.unassigned } };
    }
    const completed = await Promise.all(ids.map((id) => this.#completed(id)));
    const lists = new Map(
      ids.map((id, i) => [id, { queue: [] as string[], tasks: [] as string[], completed: completed[i] }]),
    );
    const unassigned: string[] = [];
    for (const [msgId, { route, engine }] of this.#open()) {
      if (engine === null) unassigned.push(msgId);
      else if (route === "mux") lists.get(engine)?.queue.push(msgId);
      else lists.get(engine)?.tasks.push(msgId);
    }
    const named = [...lists].map(([id, list]) => [String(id), list]);
    return { content: { status: "ok", ...Object.fromEntries(named), unassigned } };
  }

  /** Tasks that wait or run at each engine. */
  load({ targets }: { readonly targets: Targets }): Answer {
    const { ledger } = this.#parts;
    const loads = this.#engineIds(targets).map((id) => {
      const { queue, tasks } = ledger.numbers(id);
      return [String(id), queue + tasks];
    });
    return { content: { status: "ok", ...Object.fromEntries(loads) } };
  }

  /** What is pending, what is done, and the results. @throws RequestError (KeyError) if a message is unknown */
  async result(
    request: { readonly msg_ids: readonly string[]; readonly status_only: boolean },
  ): Promise<Answer> {
    const { store } = this.#parts;
    const msgIds = [...new Set(request.msg_ids)].sort();
    if (store.finished) return this.#statusWithoutRecords(msgIds, request.status_only);
    const pending: string[] = [], orphans: string[] = [];
    const records = new Map<string, StoredRecord>();
    const reading = new Slices();
    for (const msgId of msgIds) {
      if (reading.isOver) await reading.next();
      const record = this.#isPending(msgId) ? undefined : await store.get(msgId);
      if (record && record.field("completed") !== null) records.set(msgId, record);
      // It may have been asked for in the moment of its end.
      else if (record || this.#isPending(msgId)) {
        pending.push(msgId);
        if (record && this.#isLeftOver(msgId, record)) orphans.push(msgId);
      } else throw keyError(`No such message: ${msgId}`);
    }
    for (const msgId of pending) store.await(msgId, true);
    const left = orphans.length === 0 ? {} : { tsparallel: { orphans } };
    const content = { status: "ok", pending, completed: [...records.keys()], ...left };
    if (request.status_only) return { content };
    const buffers = new AnswerBuffers();
    const entries: [string, unknown][] = [], slices = new Slices();
    for (const [msgId, record] of records) {
      if (slices.isOver) await slices.next();
      const count = buffers.add(await resultBuffers(record, store));
      const io = Object.fromEntries(IO_KEYS.map((key) => [key, record.field(key)]));
      const fields = Object.fromEntries(RESULT_KEYS.map((key) => [key, record.field(key)]));
      buffers.count(sizeOf(io) + sizeOf(fields));
      entries.push([msgId, { ...fields, io, buffer_count: count }]);
    }
    for (const msgId of records.keys()) store.await(msgId, false);
    return { content: { ...content, ...Object.fromEntries(entries) }, buffers: buffers.all };
  }

  /** @throws RequestError (NoData) for more than the state */
  #statusWithoutRecords(msgIds: readonly string[], isStatusOnly: boolean): Answer {
    if (!isStatusOnly) throw noData();
    const pending = msgIds.filter((msgId) => this.#isPending(msgId));
    const completed = msgIds.filter((msgId) => !pending.includes(msgId));
    const unknown = completed.find((msgId) => !this.#parts.store.finished?.has(msgId));
    if (unknown !== undefined) throw keyError(`No such message: ${unknown}`);
    return { content: { status: "ok", pending, completed } };
  }

  async history(): Promise<Answer> {
    const { store, packer } = this.#parts;
    const list = new PackedList(packer, "history"), slices = new Slices();
    for (const msgId of await store.history()) {
      list.add(msgId);
      if (slices.isOver) await slices.next();
    }
    return { content: { status: "ok" }, list };
  }

  /** Records that meet a query. @throws RequestError for an unknown key or operator */
  async db(
    request: {
      readonly query: Readonly<Record<string, unknown>>;
      readonly keys: readonly string[] | null;
      readonly page?: RecordPage | undefined;
    },
  ): Promise<Answer> {
    checkTimes(request.query);
    const { limit, behind } = pageOf(request.page);
    const conditions = [...parseQuery(request.query), ...behind];
    const keys = recordKeys(request.keys);
    const isAsked = (request.keys?.length ?? 0) > 0;
    const [wantsBuffers, wantsResults] = [
      isAsked && keys.includes("buffers"),
      isAsked && keys.includes("result_buffers"),
    ];
    const shown = keys.filter((key) => key !== "buffers" && key !== "result_buffers");
    const wanted = isAsked ? keys : shown;
    const found = await this.#parts.store.find(conditions, limit, wanted);
    const buffers = new AnswerBuffers(), slices = new Slices();
    const list = new PackedList(this.#parts.packer, "records");
    const lengths: number[] = [], resultLengths: number[] = [];
    for (const record of found) {
      if (wantsBuffers) lengths.push(buffers.add(record.buffers()));
      if (wantsResults) resultLengths.push(buffers.add(record.resultBuffers()));
      const before = list.bytes;
      list.add(Object.fromEntries(shown.map((key) => [key, record.field(key)])));
      buffers.count(list.bytes - before);
      if (slices.isOver) await slices.next();
    }
    const content = {
      status: "ok",
      buffer_lens: wantsBuffers ? lengths : null,
      result_buffer_lens: wantsResults ? resultLengths : null,
    };
    return { content, list, buffers: buffers.all };
  }

  /** Drops records; nothing if one of them is pending. @throws RequestError (IndexError) */
  async purge(
    request: { readonly msg_ids: "all" | readonly string[]; readonly engine_ids: readonly number[] },
  ): Promise<Answer> {
    const { store, registry } = this.#parts;
    if (request.msg_ids === "all") {
      await store.dropFinished();
      return { content: { status: "ok" } };
    }
    const pending = request.msg_ids.find((msgId) => this.#isPending(msgId));
    if (pending !== undefined) throw new RequestError("IndexError", `msg pending: ${quoted(pending)}`);
    const engines = request.engine_ids.map((id) => {
      const engine = registry.byId(id);
      if (!engine) throw new RequestError("IndexError", `No such engine: ${id}`);
      return engine;
    });
    if (request.msg_ids.length > 0) await store.drop(request.msg_ids);
    for (const engine of engines) await store.dropFinished(engine.uuid);
    return { content: { status: "ok" } };
  }

  /** Whether an open record is of an earlier run, and no engine is there that may still answer: a peer's goes on by itself. */
  #isLeftOver(msgId: string, record: StoredRecord): boolean {
    if (this.#isPending(msgId)) return false;
    const uuid = record.field("engine_uuid");
    const engine = typeof uuid === "string" ? this.#parts.registry.byUuid(uuid) : undefined;
    return engine === undefined || engine.ours !== null;
  }

  #isPending(msgId: string): boolean {
    const { ledger, store } = this.#parts;
    if (ledger.peer(msgId)) return true;
    const name = store.clients.nameOf(msgId);
    return name !== undefined && ledger.group(name.client, name.n) !== undefined;
  }

  #engineIds(targets: Targets): number[] {
    const { registry, ledger } = this.#parts;
    if (targets === null) {
      return [...new Set([...ledger.engineIds, ...[...registry.engines].map((engine) => engine.id)])];
    }
    const list = typeof targets === "object" ? targets : [targets];
    if (list.length === 0) throw new RequestError("IndexError", "No Engines Registered");
    // As in Python's hub, an id stays known when its engine is gone; a uuid does not.
    const known = new Set(ledger.engineIds);
    const ids = list.map((target) => typeof target === "number" ? target : registry.byUuid(target)?.id ?? -1);
    const unknown = list.filter((_, i) => !known.has(ids[i]!) && !registry.byId(ids[i]!));
    if (unknown.length === 0) return ids;
    throw new RequestError("IndexError", `No Such Engine: ${listText(unknown)}`);
  }

  async #completed(id: number): Promise<string[]> {
    const { store, registry } = this.#parts;
    const uuid = registry.uuidOf(id);
    if (uuid === undefined) return [];
    if (store.finished) return store.finished.at(uuid);
    const conditions = parseQuery({ engine_uuid: uuid, completed: { $exists: true } });
    const found = await store.find(conditions, HUB_BOUNDS.maxAnswerRecords, ["msg_id"]);
    return found.map((record) => record.msgId);
  }

  *#open(): Generator<[string, Place]> {
    const { ledger, store } = this.#parts;
    yield* ledger.peers();
    for (const [client, n, place] of ledger.groups()) {
      const card = store.clients.card(client);
      if (card) yield [msgIdOf(card, n), place];
    }
  }
}

/** The buffers of an answer; they and its text are bounded. */
class AnswerBuffers {
  readonly all: Uint8Array[] = [];
  #bytes = 0;

  /** @returns how many were added @throws RequestError if the answer would be too large */
  add(buffers: readonly Uint8Array[]): number {
    for (const buffer of buffers) this.all.push(buffer);
    this.count(sizeOf(buffers));
    return buffers.length;
  }

  /** Other bytes of the answer. @throws RequestError if it would be too large */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > HUB_BOUNDS.maxAnswerBytes) throw tooLarge(HUB_BOUNDS.maxAnswerBytes);
  }
}

/**
 * A record's result buffers. Those of a coalesced broadcast are in the records of its copies, and become one object here.
 * @throws RequestError (KeyError) if one of those is gone
 */
async function resultBuffers(record: StoredRecord, store: RecordStore): Promise<readonly Uint8Array[]> {
  const engines = coalescedEngines(record);
  if (engines === null) return record.resultBuffers();
  const each: Uint8Array[][] = [];
  for (const uuid of engines) {
    const copy = await store.get(`${record.msgId}_${uuid}`);
    if (!copy) throw keyError(`No such message: ${record.msgId}_${uuid}`);
    each.push(copy.resultBuffers());
  }
  return each.every((own) => own.length === 0) ? [] : [joinedPickle(each)];
}

/** The engines of a coalesced broadcast that went well, in order; null for any other record. */
function coalescedEngines(record: StoredRecord): string[] | null {
  if (record.field("queue") !== "broadcast") return null;
  const { status } = { ...record.field("result_content") as object } as { status?: unknown };
  const { broadcast_targets: targets } = { ...record.field("result_metadata") as object } as {
    broadcast_targets?: unknown;
  };
  if (status !== "ok" || !Array.isArray(targets)) return null;
  return targets.map((pair: unknown) => String(Array.isArray(pair) ? pair[0] : pair));
}

/** Which records an answer has, and what a page asks of them. @throws RequestError (ValueError) for a time that there is not */
function pageOf(page: RecordPage | undefined): { limit: number | Page; behind: Condition[] } {
  if (page === undefined) return { limit: HUB_BOUNDS.maxAnswerRecords, behind: [] };
  const first = Math.min(page.limit, HUB_BOUNDS.maxAnswerRecords);
  if (page.after === undefined) return { limit: { first, after: null }, behind: [] };
  const { submitted, msg_id: msgId } = page.after;
  const time = parseTime(submitted);
  if (time === undefined) {
    throw new RequestError("ValueError", `page.after.submitted is no time: ${quoted(submitted)}`);
  }
  return {
    limit: { first, after: { submitted: time, msgId } },
    behind: parseQuery({ submitted: { $gte: submitted } }),
  };
}

/** The keys that an answer has: those asked for and msg_id, or all. @throws RequestError (KeyError) */
function recordKeys(keys: readonly string[] | null): readonly RecordKey[] {
  if (keys === null || keys.length === 0) return RECORD_KEYS;
  const bad = keys.filter((key) => !isRecordKey(key));
  if (bad.length > 0) throw keyError(`Bad record key(s): ${listText(bad)}`);
  return [...new Set<RecordKey>([...keys.filter(isRecordKey), "msg_id"])];
}

/** A list as Python writes it. */
export function listText(items: readonly (string | number)[]): string {
  return `[${items.map((item) => typeof item === "string" ? quoted(item) : String(item)).join(", ")}]`;
}
