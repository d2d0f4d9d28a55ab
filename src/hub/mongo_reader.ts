/**
 * Reads records out of MongoDB. A query is narrowed by the server where a condition has an equivalent; the truth is always the same
 * test in JavaScript that the other stores use. Documents are read in batches, and of each only what is needed.
 */

import { parseJson } from "../base/json.ts";
import { FoundRecords, sizeOf } from "./found_records.ts";
import type { MongoNotes } from "./mongo_notes.ts";
import type { MongoClients } from "./mongo_clients.ts";
import type { CollectionName, Doc, MongoDatabase } from "./mongo_database.ts";
import { bytesOf, Pieces } from "./mongo_pieces.ts";
import { groupFilter, messageFilter, needsResult, resultFilter } from "./mongo_query.ts";
import { askedIds, type Condition, matches } from "./query_match.ts";
import { ARGUMENT_KEYS, RECORD_KEYS, type RecordKey, RESULT_KEYS } from "./record_keys.ts";
import { GroupRecord, type GroupRow, type Outputs, PeerRecord, type PeerRow } from "./record_view.ts";
import {
  bySubmission,
  OUTPUT_KINDS,
  type OutputKind,
  type Page,
  type RecordContext,
  type StoredRecord,
} from "./records.ts";

/** A document, its result's, and what the record of it needs beside them. */
interface Candidate {
  readonly doc: Doc;
  readonly result: Doc | undefined;
  readonly isGroup: boolean;
}

/** What is read for one question. */
interface Wanted {
  readonly hasArguments: boolean;
  readonly hasResults: boolean;
  readonly hasOutputs: boolean;
  readonly hasNotes: boolean;
  readonly pieces: Pieces;
  readonly definitions: Map<string, Uint8Array | null>;
}

const OUTPUT_KEYS: ReadonlySet<string> = new Set(OUTPUT_KINDS);
/** Fields of a message that hold JSON text, or say that it is in pieces. */
export const JSON_FIELDS = [
  "header",
  "metadata",
  "content",
  "result_header",
  "result_metadata",
  "result_content",
] as const;

export class MongoReader {
  readonly #db: MongoDatabase;
  readonly #clients: MongoClients;
  readonly #notes: MongoNotes;
  readonly #context: RecordContext;

  constructor(
    db: MongoDatabase,
    { clients, notes }: { readonly clients: MongoClients; readonly notes: MongoNotes },
    context: RecordContext,
  ) {
    this.#db = db;
    this.#clients = clients;
    this.#notes = notes;
    this.#context = context;
  }

  async get(msgId: string): Promise<StoredRecord | undefined> {
    const wanted = wantedFor(RECORD_KEYS);
    for await (const candidates of this.#byIds([msgId], wanted)) {
      const [record] = await this.#records(candidates, wanted, true);
      if (record) return record;
    }
    return undefined;
  }

  async find(
    conditions: readonly Condition[],
    limit: number | Page,
    keys: readonly RecordKey[],
  ): Promise<StoredRecord[]> {
    const tested = conditions.map(({ key }) => key);
    const wanted = wantedFor([...keys, ...tested]);
    const needsPieces = tested.some((key) => ARGUMENT_KEYS.has(key) || RESULT_KEYS.has(key));
    const found = new FoundRecords(limit);
    for await (const candidates of this.#candidates(conditions, wanted)) {
      const records = await this.#records(candidates, wanted, needsPieces);
      const matching = records.filter((record) => matches(conditions, (key) => record.field(key)));
      for (const record of matching) {
        found.add(record);
        if (wanted.hasOutputs) { for (const kind of OUTPUT_KINDS) found.count(sizeOf(record.field(kind))); }
      }
      if (!needsPieces) {
        const names = new Set(matching.map((record) => record.msgId));
        await this.#loadPieces(candidates.filter(({ doc }) => names.has(String(doc._id))), wanted);
      }
    }
    return found.sorted();
  }

  async history(): Promise<string[]> {
    const records: { msgId: string; submitted: number }[] = [];
    for (const name of ["tsparallel_submissions", "tsparallel_messages"] as const) {
      for await (
        const docs of this.#db.find(name, { submitted: { $ne: null } }, { fields: { submitted: true } })
      ) {
        for (const doc of docs) records.push({ msgId: String(doc._id), submitted: Number(doc["submitted"]) });
      }
    }
    return records.sort(bySubmission).map((record) => record.msgId);
  }

  async *#candidates(conditions: readonly Condition[], wanted: Wanted): AsyncGenerator<Candidate[]> {
    const ids = askedIds(conditions);
    if (ids) return yield* this.#byIds(ids, wanted);
    if (needsResult(conditions)) {
      const filter = resultFilter(conditions);
      for await (
        const results of this.#db.find("tsparallel_results", filter, { fields: resultFields(wanted) })
      ) {
        yield* this.#groups(await this.#submissionsOf(results, wanted), results);
      }
    } else {
      const filter = groupFilter(conditions);
      for await (
        const docs of this.#db.find("tsparallel_submissions", filter, { fields: taskFields(wanted) })
      ) {
        yield* this.#groups(docs, await this.#resultsOf(docs, wanted));
      }
    }
    const fields = messageFields(wanted);
    for await (const docs of this.#db.find("tsparallel_messages", messageFilter(conditions), { fields })) {
      yield docs.map((doc) => ({ doc, result: undefined, isGroup: false }));
    }
  }

  async *#byIds(ids: readonly string[], wanted: Wanted): AsyncGenerator<Candidate[]> {
    const docs = await this.#db.among("tsparallel_submissions", "_id", ids, taskFields(wanted));
    yield* this.#groups(docs, await this.#resultsOf(docs, wanted));
    const known = new Set(docs.map((doc) => doc._id));
    const others = ids.filter((id) => !known.has(id));
    const messages = await this.#db.among("tsparallel_messages", "_id", others, messageFields(wanted));
    yield messages.map((doc) => ({ doc, result: undefined, isGroup: false }));
  }

  *#groups(docs: readonly Doc[], results: readonly Doc[]): Generator<Candidate[]> {
    const byId = new Map(results.map((result) => [result._id, result]));
    yield docs.map((doc) => ({ doc, result: byId.get(doc._id), isGroup: true }));
  }

  #resultsOf(docs: readonly Doc[], wanted: Wanted): Promise<Doc[]> {
    return this.#db.among("tsparallel_results", "_id", docs.map((doc) => doc._id), resultFields(wanted));
  }

  #submissionsOf(docs: readonly Doc[], wanted: Wanted): Promise<Doc[]> {
    return this.#db.among("tsparallel_submissions", "_id", docs.map((doc) => doc._id), taskFields(wanted));
  }

  async #records(
    candidates: readonly Candidate[],
    wanted: Wanted,
    needsPieces: boolean,
  ): Promise<StoredRecord[]> {
    const outputs = wanted.hasOutputs ? await this.#outputs(candidates) : new Map<string, Outputs>();
    if (wanted.hasArguments) await this.#loadDefinitions(candidates, wanted);
    const large = candidates.filter(({ doc, isGroup }) =>
      !isGroup && JSON_FIELDS.some((key) => isInPieces(doc[key]))
    );
    await wanted.pieces.load(this.#db, large.map(({ doc }) => String(doc._id)));
    if (needsPieces) await this.#loadPieces(candidates, wanted);
    if (candidates.some(({ doc, isGroup }) => isGroup && !this.#clients.card(Number(doc["client"])))) {
      // Another hub's client.
      await this.#clients.load();
    }
    if (wanted.hasNotes) await this.#notes.load(candidates.flatMap((one) => this.#engineOf(one) ?? []));
    return candidates.flatMap((candidate) => {
      const texts = outputs.get(String(candidate.doc._id)) ?? {};
      return candidate.isGroup
        ? this.#group(candidate, texts, wanted)
        : [peerRecord(candidate.doc, texts, wanted, this.#notes)];
    });
  }

  /** The engine that a record will name. */
  #engineOf({ doc, result, isGroup }: Candidate): string | null {
    const told = textOf(result?.["engine_uuid"]) ?? textOf(doc["engine_uuid"]);
    return told ?? (isGroup ? this.#context.engineOf(Number(doc["client"]), Number(doc["n"])) : null);
  }

  #group({ doc, result }: Candidate, outputs: Outputs, { pieces, definitions }: Wanted): StoredRecord[] {
    const card = this.#clients.card(Number(doc["client"]));
    if (!card) return [];
    const msgId = String(doc._id), n = Number(doc["n"]);
    const row: GroupRow = {
      card,
      n,
      op: Number(doc["op"]),
      route: doc["queue"] as GroupRow["route"],
      submitted: numberOf(doc["submitted"]),
      body: bytesOf(doc["body"]),
      tail: bytesOf(doc["tail"]),
      bufferCount: Number(doc["buffer_count"]),
      engineUuid: textOf(doc["engine_uuid"]),
      result: result ? resultOf(result) : null,
    };
    const definition = textOf(doc["definition"]);
    return [
      new GroupRecord(row, {
        definition: () => definition === null ? null : definitions.get(definition) ?? null,
        buffers: (side) => [...pieces.of(msgId, side)],
        outputs: () => outputs,
        resubmitted: () => textOf(doc["resubmitted"]),
        note: (uuid) => this.#notes.get(uuid),
        assigned: () => this.#context.engineOf(card.index, n),
      }),
    ];
  }

  /** Large buffers of what has any and is asked for them. */
  async #loadPieces(candidates: readonly Candidate[], wanted: Wanted): Promise<void> {
    const { hasArguments, hasResults } = wanted;
    const large = candidates.filter(({ doc, result, isGroup }) =>
      isGroup
        ? (hasArguments && Number(doc["buffer_count"]) > 0) ||
          (hasResults && Number(result?.["buffer_count"] ?? 0) > 0)
        : (hasArguments && isInPieces(doc["buffers"])) || (hasResults && isInPieces(doc["result_buffers"]))
    );
    await wanted.pieces.load(this.#db, large.map(({ doc }) => String(doc._id)));
  }

  async #loadDefinitions(candidates: readonly Candidate[], { definitions }: Wanted): Promise<void> {
    const ids = new Set<string>();
    for (const { doc, isGroup } of candidates) {
      const definition = isGroup ? textOf(doc["definition"]) : null;
      if (definition !== null && !definitions.has(definition)) ids.add(definition);
    }
    for (const doc of await this.#db.among("tsparallel_definitions", "_id", [...ids])) {
      definitions.set(String(doc._id), await this.#definition(doc));
    }
  }

  /** A body too large for its record came ahead as a buffer of a task. */
  async #definition(doc: Doc): Promise<Uint8Array | null> {
    const task = textOf(doc["task"]);
    if (task === null) return bytesOf(doc["body"]);
    const pieces = new Pieces();
    await pieces.load(this.#db, [task]);
    return pieces.of(task, 0).at(-1) ?? null;
  }

  async #outputs(candidates: readonly Candidate[]): Promise<Map<string, Outputs>> {
    const ids = candidates.map(({ doc }) => doc._id);
    const docs = await this.#db.among("tsparallel_outputs", "task", ids);
    docs.sort((a, b) => Number(a["order"]) - Number(b["order"]));
    const outputs = new Map<string, Outputs>();
    for (const doc of docs) {
      const task = String(doc["task"]), kind = String(doc["kind"]) as OutputKind;
      const texts = outputs.get(task) ?? {};
      const isStream = kind === "stdout" || kind === "stderr";
      texts[kind] = (isStream ? texts[kind] ?? "" : "") + String(doc["text"]);
      outputs.set(task, texts);
    }
    return outputs;
  }
}

function peerRecord(doc: Doc, outputs: Outputs, { pieces }: Wanted, notes: MongoNotes): StoredRecord {
  const msgId = String(doc._id);
  const fields: Record<string, unknown> = { ...doc, msg_id: msgId };
  for (const key of JSON_FIELDS) {
    const text = isInPieces(doc[key]) ? decoder.decode(pieces.of(msgId, key)[0]) : doc[key];
    fields[key] = typeof text === "string" && text !== "" ? parseJson(text) : undefined;
  }
  // The document has the fields of PeerRow, written by `MongoRecords.put` alone.
  return new PeerRecord(fields as unknown as PeerRow, {
    buffers: (side) => {
      const value = doc[side === 0 ? "buffers" : "result_buffers"];
      return Array.isArray(value) ? value.map(bytesOf) : [...pieces.of(msgId, side)];
    },
    outputs: () => outputs,
    note: (uuid) => notes.get(uuid),
  });
}

const decoder = new TextDecoder();

function resultOf(doc: Doc): GroupRow["result"] {
  return {
    status: Number(doc["status"]),
    engineUuid: textOf(doc["engine_uuid"]),
    epoch: Number(doc["epoch"]),
    started: numberOf(doc["started"]),
    completed: numberOf(doc["completed"]),
    received: Number(doc["received"]),
    body: bytesOf(doc["body"]),
    tail: bytesOf(doc["tail"]),
    bufferCount: Number(doc["buffer_count"]),
  };
}

function wantedFor(keys: readonly RecordKey[]): Wanted {
  return {
    hasArguments: keys.some((key) => ARGUMENT_KEYS.has(key)),
    hasResults: keys.some((key) => RESULT_KEYS.has(key)),
    hasOutputs: keys.some((key) => OUTPUT_KEYS.has(key)),
    hasNotes: keys.some((key) => key === "permissions" || key === "isolation" || key === "sandbox"),
    pieces: new Pieces(),
    definitions: new Map(),
  };
}

type Fields = Readonly<Record<string, boolean>>;

/** Bytes of arguments and results are left out where nobody asks for them. */
const taskFields = ({ hasArguments }: Wanted): Fields => hasArguments ? {} : { body: false };
const resultFields = ({ hasResults }: Wanted): Fields => hasResults ? {} : { body: false };
const messageFields = ({ hasArguments, hasResults }: Wanted): Fields => ({
  ...(hasArguments ? {} : { content: false, buffers: false }),
  ...(hasResults ? {} : { result_content: false, result_buffers: false }),
});

function isInPieces(value: unknown): boolean {
  return typeof value === "number";
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Where records are: what is removed with them. */
export const TASK_PLACES: readonly (readonly [name: CollectionName, field: string])[] = [
  ["tsparallel_submissions", "_id"],
  ["tsparallel_results", "_id"],
  ["tsparallel_messages", "_id"],
  ["tsparallel_outputs", "task"],
  ["tsparallel_pieces", "task"],
];
