/**
 * The contract of record stores: what was asked and what came of it, kept under the task's msg_id. SQLite (the default), MongoDB,
 * memory and none answer alike; `tests/contracts/records.ts` is the suite that each of them runs.
 *
 * Two ways in: groups of our own parts come as the very frames from the link and stay bytes until somebody asks; messages of peers
 * come one by one as fields. One way out: `StoredRecord`, which makes a field when it is asked for.
 */

import type { EngineNote } from "./engine_notes.ts";
import type { Route } from "./ledger.ts";
import type { Condition } from "./query_match.ts";
import type { RecordKey } from "./record_keys.ts";

/** At once where the store has it at hand, later where it has to ask for it over the network. */
export type Later<T> = T | Promise<T>;

/** A client of ours, durable: the index belongs to (session, pid) for ever. */
export interface ClientCard {
  readonly index: number;
  readonly session: string;
  readonly pid: number;
  readonly username: string;
}

/** The clients of ours that a store knows. */
export interface Clients {
  /** The index of (session, pid), a new one the first time: durable when it is told. @throws RequestError if it cannot be kept */
  index(session: string, pid: number, username: string): Later<number>;
  card(index: number): ClientCard | undefined;
  /** The client and number that a msg_id stands for, if it is a group's. */
  nameOf(msgId: string): { readonly client: number; readonly n: number } | undefined;
}

/** What is known of a peer's task; times are microseconds since 1970. What is absent stays as it was. */
export interface PeerFields {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, unknown>>;
  readonly submitted?: number | null;
  readonly client_uuid?: string | null;
  readonly engine_uuid?: string | null;
  readonly queue?: Route | "broadcast";
  readonly started?: number | null;
  readonly completed?: number | null;
  readonly received?: number | null;
  readonly result_header?: Readonly<Record<string, unknown>>;
  readonly result_metadata?: Readonly<Record<string, unknown>>;
  readonly result_content?: Readonly<Record<string, unknown>>;
  readonly resubmitted?: string;
  readonly buffers?: readonly Uint8Array[];
  readonly result_buffers?: readonly Uint8Array[];
}

/** What a task put out. Text of streams is appended, the others keep the last. */
export interface TaskOutput {
  readonly kind: OutputKind;
  /** Text of a stream or of `execute_input`; JSON text of the other kinds. */
  readonly text: string;
}

export const OUTPUT_KINDS = [
  "stdout",
  "stderr",
  "error",
  "execute_input",
  "execute_result",
  "display_data",
] as const;

export type OutputKind = typeof OUTPUT_KINDS[number];

/** One record, read on demand. */
export interface StoredRecord {
  readonly msgId: string;
  /** Microseconds since 1970, or null where only output is known. */
  readonly submitted: number | null;
  /** About how many bytes of it are in memory, its output left out. */
  readonly bytes: number;
  /** The field as it goes on the wire; times as text. `buffers` and `result_buffers` are always null here. */
  field(key: RecordKey): unknown;
  /** For a group's task: definition, arguments, large buffers. */
  buffers(): Uint8Array[];
  /** For a group's task: the coded value, then its large buffers. */
  resultBuffers(): Uint8Array[];
  /** What it takes to run a group's task again; undefined for a peer's task. */
  readonly replay: GroupReplay | undefined;
}

/** A group's task as it was submitted. */
export interface GroupReplay {
  readonly op: number;
  readonly definition: Uint8Array | null;
  readonly body: Uint8Array;
  readonly tail: Uint8Array;
  /** Large buffers of its arguments; the body is the last of them where it is itself empty. */
  readonly large: readonly Uint8Array[];
  /** False where something that it needs was not kept. */
  readonly isReplayable: boolean;
}

/** How a commit went. */
export type CommitReport =
  | { readonly kind: "committed" }
  /** Nothing is lost: rows are held and tried again. `isFull`: no more should be taken in. */
  | {
    readonly kind: "refused";
    readonly reason: string;
    readonly heldBytes: number;
    readonly isFull: boolean;
  };

/** What a store asks of its owner. */
export interface RecordContext {
  /** The uuid of the engine that has an open task. */
  engineOf(client: number, n: number): string | null;
}

/**
 * Keeps records. Taking in is always synchronous, and durable after the next `commit()` that says so; one commit is under way at a time.
 * Reading sees everything that was taken in before it was asked.
 */
export interface RecordStore {
  /** As a log line names it: `SQLite`, `MongoDB`, `memory`, `none`. */
  readonly name: string;
  /** Rows that wait for `commit()`. */
  readonly waiting: number;
  /** Whether frames are kept beyond the next successful commit. */
  readonly keepsFrames: boolean;

  readonly clients: Clients;

  /** For a store that keeps no records: whether a task has ended, and which ended at an engine, by their msg_ids. */
  readonly finished?: { has(msgId: string): boolean; at(engineUuid: string): string[] };

  /** What has to be done before anything else is asked, if anything. @throws Error that names the database if it cannot be used */
  open?(): Promise<void>;

  /** Engine `id` is `uuid` from now on: groups name engines by id. @param note what is remembered of it for its records, null (default) for a peer's */
  engine(id: number, uuid: string, note?: EngineNote | null): void;

  /** Takes in a group of kind tasks, definitions included. The frame is kept until the commit at least (`keepsFrames`). */
  takeTasks(frame: Uint8Array, route: Route): void;
  /** Takes in a group of kind results. @param received microseconds since 1970 */
  takeResults(frame: Uint8Array, received: number): void;
  /** Takes in a piece of a large buffer. */
  takeChunk(frame: Uint8Array, piece: Uint8Array): void;
  /** Adds or changes the record of a peer's task; of a group's task only `resubmitted`. */
  put(msgId: string, fields: PeerFields): void;
  /** Adds output to a record, which need not be there yet. */
  output(msgId: string, output: TaskOutput): void;
  commit(): Later<CommitReport>;
  /** Somebody waits for what comes of this task, or does not any more: its record is not dropped for lack of room. */
  await(msgId: string, isAwaited: boolean): void;

  get(msgId: string): Later<StoredRecord | undefined>;
  /**
   * Records that meet all conditions, in the order of `bySubmission`.
   * @param keys the fields that will be asked for (buffers among them); default all
   * @param limit a page: the first of them, no error if there are more
   * @throws RequestError if there are more than `limit`
   */
  find(
    conditions: readonly Condition[],
    limit: number | Page,
    keys?: readonly RecordKey[],
  ): Later<StoredRecord[]>;
  /** msg_ids in the same order; those of which only output is known are left out. */
  history(): Later<string[]>;
  /** Drops records. */
  drop(msgIds: readonly string[]): Later<void>;
  /** Drops finished records, all or those of an engine. */
  dropFinished(engineUuid?: string): Later<void>;
  /** Writes what waits, where it can, and lets go of everything. */
  close(): Later<void>;
}

/** The text of a group's msg_id. */
export function msgIdOf(card: ClientCard, n: number): string {
  return `${card.session}_${card.pid}_${n}`;
}

/** Takes a msg_id apart into session, pid and n, or undefined if it has another form. */
export function splitMsgId(msgId: string): { session: string; pid: number; n: number } | undefined {
  const parts = /^([^]+)_(\d{1,10})_(\d{1,10})$/.exec(msgId);
  if (!parts) return undefined;
  const pid = Number(parts[2]), n = Number(parts[3]);
  return n > 0xffff_ffff || String(n) !== parts[3] ? undefined : { session: parts[1]!, pid, n };
}

/** Order of records in answers: by submission, those without one last; of the same moment by msg_id, numbers by their size. */
export function bySubmission(a: Submitted, b: Submitted): number {
  const [first, second] = [a.submitted ?? Infinity, b.submitted ?? Infinity];
  if (first !== second) return first - second;
  return a.msgId.length - b.msgId.length || (a.msgId < b.msgId ? -1 : a.msgId > b.msgId ? 1 : 0);
}

/** The first so many records, or those behind one, by submission; without those that have none. */
export interface Page {
  readonly first: number;
  readonly after: Submitted | null;
}

/** What the order of records depends on. */
export interface Submitted {
  readonly msgId: string;
  readonly submitted: number | null;
}
