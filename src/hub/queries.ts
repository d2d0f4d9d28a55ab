/**
 * What clients ask the hub: one handler per request. Contents come checked (`protocol/shapes.ts`); a handler returns the reply or
 * throws, and whatever it throws becomes an error reply.
 */

import type { Ledger, Place } from "./ledger.ts";
import { HUB_BOUNDS } from "./options.ts";
import { isRecordKey, parseQuery, RECORD_KEYS, type RecordKey } from "./query_match.ts";
import { msgIdOf, type RecordStore, type StoredRecord } from "./records.ts";
import type { Registry } from "./registry.ts";
import { keyError, RequestError } from "./request_error.ts";

/** A reply's content and buffers. */
export interface Answer {
  readonly content: Readonly<Record<string, unknown>>;
  readonly buffers?: readonly Uint8Array[];
}

export interface QueryParts {
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly store: RecordStore;
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
  queue({ targets, verbose }: { readonly targets: Targets; readonly verbose: boolean }): Answer {
    const { ledger } = this.#parts;
    const ids = this.#engineIds(targets);
    if (!verbose) {
      const numbers = ids.map((id) => [String(id), { ...ledger.numbers(id) }]);
      return { content: { status: "ok", ...Object.fromEntries(numbers), unassigned: ledger.unassigned } };
    }
    const lists = new Map(
      ids.map((id) => [id, { queue: [] as string[], tasks: [] as string[], completed: this.#completed(id) }]),
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
  result(request: { readonly msg_ids: readonly string[]; readonly status_only: boolean }): Answer {
    const pending: string[] = [];
    const completed: string[] = [];
    const records = new Map<string, StoredRecord>();
    for (const msgId of request.msg_ids) {
      if (this.#isPending(msgId)) {
        pending.push(msgId);
        continue;
      }
      const record = this.#parts.store.get(msgId);
      if (!record) throw keyError(`No such message: ${msgId}`);
      if (record.field("completed") === null) pending.push(msgId);
      else {
        completed.push(msgId);
        records.set(msgId, record);
      }
    }
    const content = { status: "ok", pending, completed };
    if (request.status_only) return { content };
    const sorted = [...records.keys()].sort();
    const buffers: Uint8Array[] = [];
    const entries = sorted.map((msgId) => {
      const record = records.get(msgId)!;
      const own = record.resultBuffers();
      buffers.push(...own);
      const io = Object.fromEntries(IO_KEYS.map((key) => [key, record.field(key)]));
      const fields = Object.fromEntries(RESULT_KEYS.map((key) => [key, record.field(key)]));
      return [msgId, { ...fields, io, buffer_count: own.length }];
    });
    return { content: { ...content, ...Object.fromEntries(entries) }, buffers };
  }

  history(): Answer {
    return { content: { status: "ok", history: this.#parts.store.history() } };
  }

  /** Records that meet a query. @throws RequestError for an unknown key or operator */
  db(
    request: { readonly query: Readonly<Record<string, unknown>>; readonly keys: readonly string[] | null },
  ): Answer {
    const conditions = parseQuery(request.query);
    const keys = recordKeys(request.keys);
    const found = this.#parts.store.find(conditions, HUB_BOUNDS.maxAnswerRecords);
    const [wantsBuffers, wantsResults] = [keys.includes("buffers"), keys.includes("result_buffers")];
    const isAsked = (request.keys?.length ?? 0) > 0;
    const buffers: Uint8Array[] = [];
    const lengths: number[] = [];
    const resultLengths: number[] = [];
    const records = found.map((record) => {
      if (isAsked && wantsBuffers) lengths.push(append(buffers, record.buffers()));
      if (isAsked && wantsResults) resultLengths.push(append(buffers, record.resultBuffers()));
      const shown = keys.filter((key) => key !== "buffers" && key !== "result_buffers");
      return Object.fromEntries(shown.map((key) => [key, record.field(key)]));
    });
    const content = {
      status: "ok",
      records,
      buffer_lens: isAsked && wantsBuffers ? lengths : null,
      result_buffer_lens: isAsked && wantsResults ? resultLengths : null,
    };
    return { content, buffers };
  }

  /** Drops records; nothing if one of them is pending. @throws RequestError (IndexError) */
  purge(
    request: { readonly msg_ids: "all" | readonly string[]; readonly engine_ids: readonly number[] },
  ): Answer {
    const { store, registry } = this.#parts;
    if (request.msg_ids === "all") {
      store.dropFinished();
      return { content: { status: "ok" } };
    }
    const pending = request.msg_ids.find((msgId) => this.#isPending(msgId));
    if (pending !== undefined) throw new RequestError("IndexError", `msg pending: '${pending}'`);
    const engines = request.engine_ids.map((id) => {
      const engine = registry.byId(id);
      if (!engine) throw new RequestError("IndexError", `No such engine: ${id}`);
      return engine;
    });
    if (request.msg_ids.length > 0) store.drop(request.msg_ids);
    for (const engine of engines) store.dropFinished(engine.uuid);
    return { content: { status: "ok" } };
  }

  #isPending(msgId: string): boolean {
    const { ledger, store } = this.#parts;
    if (ledger.peer(msgId)) return true;
    const name = store.nameOf(msgId);
    return name !== undefined && ledger.group(name.client, name.n) !== undefined;
  }

  #engineIds(targets: Targets): number[] {
    const { registry, ledger } = this.#parts;
    if (targets === null) {
      return [...new Set([...ledger.engineIds, ...[...registry.engines].map((engine) => engine.id)])];
    }
    const list = typeof targets === "object" ? targets : [targets];
    const unknown: (number | string)[] = [];
    const ids = list.map((target) => {
      const engine = typeof target === "number" ? registry.byId(target) : registry.byUuid(target);
      if (!engine) unknown.push(target);
      return engine?.id ?? -1;
    });
    if (unknown.length > 0) throw new RequestError("IndexError", `No Such Engine: [${unknown.join(", ")}]`);
    return ids;
  }

  #completed(id: number): string[] {
    const { store, registry } = this.#parts;
    const uuid = registry.byId(id)?.uuid;
    if (uuid === undefined || store.name === "none") return [];
    const conditions = parseQuery({ engine_uuid: uuid, completed: { $exists: true } });
    return store.find(conditions, HUB_BOUNDS.maxAnswerRecords).map((record) => record.msgId);
  }

  *#open(): Generator<[string, Place]> {
    const { ledger, store } = this.#parts;
    yield* ledger.peers();
    for (const [client, n, place] of ledger.groups()) {
      const card = store.client(client);
      if (card) yield [msgIdOf(card, n), place];
    }
  }
}

/** The keys that an answer has: those asked for and msg_id, or all. @throws RequestError (KeyError) */
function recordKeys(keys: readonly string[] | null): readonly RecordKey[] {
  if (keys === null || keys.length === 0) return RECORD_KEYS;
  const known = keys.map((key) => {
    if (!isRecordKey(key)) throw keyError(key);
    return key;
  });
  return [...new Set<RecordKey>([...known, "msg_id"])];
}

function append(all: Uint8Array[], some: readonly Uint8Array[]): number {
  all.push(...some);
  return some.length;
}
