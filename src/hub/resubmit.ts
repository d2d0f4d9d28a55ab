/**
 * Runs tasks again from their records. The hub does it as a client of its own cluster: a DEALER on the task socket, a client index in
 * the store. Answers to that client are read and dropped; the link brings them to the records like any other's.
 */

import { jsonText, parseJson } from "../base/json.ts";
import { nodeCrypto } from "../base/builtin.ts";
import { now } from "../base/clock.ts";
import type { Session } from "../protocol/frames.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, CHUNK_PIECE_BYTES, KIND, MAX_GROUP_BYTES, OP, TASK_FLAG } from "../protocol/groups.ts";
import { type Cap, Policy } from "../protocol/policy.ts";
import type { Mac } from "../protocol/mac.ts";
import { encodeValue } from "../protocol/values.ts";
import type { Context } from "../wire/context.ts";
import type { AsyncPoller } from "../wire/poll.ts";
import type { Socket } from "../wire/socket.ts";
import type { Ledger } from "./ledger.ts";
import { isObject } from "./query_match.ts";
import type { GroupReplay, RecordStore, StoredRecord } from "./records.ts";
import { listText } from "./queries.ts";
import { keyError, RequestError } from "./request_error.ts";
import { parseTime } from "./times.ts";

export interface ResubmitParts {
  readonly context: Context;
  readonly poller: AsyncPoller;
  readonly session: Session;
  readonly mac: Mac;
  readonly nonce: bigint;
  readonly store: RecordStore;
  readonly ledger: Ledger;
  /** Address of the task socket's client side. */
  readonly url: string;
  /** The controller's pair of keys, under CURVE: it is the hub's own as a client too. */
  readonly curve: { readonly publicKey: string; readonly secretKey: string } | null;
  /** Whether groups are scheduled: libzmq's proxy takes single messages only. */
  readonly takesGroups: boolean;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);

export class Resubmitter {
  readonly #parts: ResubmitParts;
  readonly #writer = new GroupWriter();
  readonly #definitions = new Map<string, number>();
  #socket: Socket | undefined;
  #client = 0;
  #seq = 0;
  #isIntroduced = false;

  constructor(parts: ResubmitParts) {
    this.#parts = parts;
  }

  /**
   * Submits tasks again, under new names, whether they have ended or not; all or, if one of them cannot be, none.
   * @param cap what who asks may have at most; null: everything
   * @returns old msg_ids and their new ones
   * @throws RequestError (KeyError) if there is no record of one, or it lacks what running it again takes
   */
  async resubmit(msgIds: readonly string[], cap: Cap | null = null): Promise<Record<string, string>> {
    const { store } = this.#parts;
    const asked = [...new Set(msgIds)];
    const records = await Promise.all(asked.map((msgId) => store.get(msgId)));
    const missing = asked.filter((_, i) => records[i] === undefined);
    if (missing.length > 0) throw keyError(`No such msg(s): ${listText(missing)}`);
    const known = records.filter((record) => record !== undefined);
    // Looked at once: it reads large buffers.
    const tasks = known.map((record) => ({ record, replay: record.replay }));
    for (const { record, replay } of tasks) checkReplayable(record.msgId, replay, this.#parts.takesGroups);
    checkCap(tasks, cap);
    await this.#open();
    const renamed: Record<string, string> = {};
    for (const { record, replay } of tasks) {
      renamed[record.msgId] = replay ? this.#resubmitGroup(replay, cap) : this.#resubmitPeer(record);
    }
    for (const [old, renewed] of Object.entries(renamed)) store.put(old, { resubmitted: renewed });
    return renamed;
  }

  close(): void {
    if (!this.#socket) return;
    this.#parts.poller.remove(this.#socket);
    this.#socket.close();
  }

  async #open(): Promise<void> {
    const { context, poller, session, url, store } = this.#parts;
    if (this.#socket) return;
    this.#client = await store.clients.index(session.session, session.pid, session.username);
    // Two requests may have waited for it.
    if (this.#socket) return;
    const { curve } = this.#parts;
    const own = curve === null ? {} : {
      curve: {
        role: "client",
        serverKey: curve.publicKey,
        publicKey: curve.publicKey,
        secretKey: curve.secretKey,
      } as const,
    };
    const socket = context.socket("DEALER", { lingerMs: 500, ...own });
    socket.connect(url);
    poller.add(socket, () => {
      while (socket.receive() !== undefined);
    });
    this.#socket = socket;
  }

  /** The same header, the original sender's session and name included, under a new id and date; metadata is lost. */
  #resubmitPeer(record: StoredRecord): string {
    const { session, store, ledger } = this.#parts;
    const fresh = session.header("apply_request");
    const stored = record.field("header");
    const header = {
      ...fresh,
      ...(isObject(stored) ? stored : {}),
      msg_id: fresh.msg_id,
      date: fresh.date,
    };
    const asked = record.field("content");
    const content = isObject(asked) ? asked : {};
    const buffers = record.buffers();
    ledger.openPeer(header.msg_id, "task", null);
    store.put(header.msg_id, {
      header,
      metadata: {},
      content,
      submitted: parseTime(header.date) ?? null,
      client_uuid: header.session,
      queue: "task",
      buffers,
    });
    this.#socket?.send(session.pack(header, content, { parent: header, buffers }));
    return header.msg_id;
  }

  #resubmitGroup(replay: GroupReplay, cap: Cap | null): string {
    const { session, ledger, store } = this.#parts;
    const n = session.nextNumber();
    replay.large.forEach((buffer, index) => this.#sendPieces(n, index, buffer));
    const writer = this.#writer;
    writer.reset();
    if (!this.#isIntroduced) this.#introduce();
    const definition = replay.op === OP.apply ? this.#define(replay.definition ?? EMPTY) : 0;
    const tail = keptOptions(replay.tail, cap);
    const body = new Uint8Array(replay.body.length + tail.length);
    body.set(replay.body);
    body.set(tail, replay.body.length);
    const flags = tail.length > 0 ? TASK_FLAG.tail : 0;
    writer.task(
      n,
      this.#client,
      definition,
      replay.op,
      flags,
      replay.large.length,
      tail.length,
      0,
      now(),
      body,
    );
    const group = this.#sealed(KIND.tasks);
    this.#socket?.send([group]);
    // Known from now on, and not only when the scheduler says that it has it: whoever gets the new name may ask at once.
    ledger.tasks(group, "task");
    store.takeTasks(group, "task");
    return session.msgId(n);
  }

  /** A large buffer, ahead of its task. */
  #sendPieces(n: number, index: number, buffer: Uint8Array): void {
    const total = buffer.length;
    for (let offset = 0; offset < total; offset += CHUNK_PIECE_BYTES) {
      const piece = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
      this.#writer.reset();
      this.#writer.chunk({ n, client: this.#client, index, side: 0, offset, length: piece.length, total });
      this.#socket?.send([this.#sealed(KIND.chunk), piece]);
    }
  }

  #sealed(kind: number): Uint8Array {
    const { mac, nonce } = this.#parts;
    const seq = ++this.#seq;
    const header = { kind, origin: this.#client, seq, target: ANY, nonce, acked: 0, committed: 0, window: 0 };
    return this.#writer.close(header, (bytes, from, to, at) => mac.sign(bytes, from, to, at)).slice();
  }

  /** The client's card: the first record on a path. */
  #introduce(): void {
    this.#isIntroduced = true;
    const { session, pid, username } = this.#parts.session;
    const card = encodeValue({ kind: "client", session, username, pid }).body;
    this.#writer.task(0, this.#client, 0, OP.define, 0, 0, 0, 0, now(), card);
  }

  #define(body: Uint8Array): number {
    const hash = nodeCrypto().createHash("sha256").update(body).digest("hex");
    const known = this.#definitions.get(hash);
    if (known !== undefined) return known;
    const id = this.#definitions.size + 1;
    this.#definitions.set(hash, id);
    this.#writer.task(0, this.#client, id, OP.define, 0, 0, 0, 0, now(), body);
    return id;
  }
}

/** A Python client's task may go to Python's engines, which keep to no cap. @throws RequestError */
function checkCap(
  tasks: readonly { readonly record: StoredRecord; readonly replay: GroupReplay | undefined }[],
  cap: Cap | null,
): void {
  const peers = cap === null ? undefined : tasks.find(({ replay }) => replay === undefined);
  if (peers === undefined) return;
  const why =
    `the controller's policy caps this client ("${cap?.name}"), and the task may go to engines that keep to no cap`;
  throw new RequestError("PermissionError", `task '${peers.record.msgId}' cannot be run again: ${why}`);
}

/** @throws RequestError naming the task and why it cannot be run again */
function checkReplayable(msgId: string, replay: GroupReplay | undefined, takesGroups: boolean): void {
  if (!replay) return;
  if (!takesGroups) {
    throw new RequestError("RuntimeError", `task '${msgId}' cannot be run again under scheme pure`);
  }
  const why = obstacle(replay);
  if (why) throw new RequestError("ValueError", `task '${msgId}' cannot be run again: ${why}`);
}

function obstacle(replay: GroupReplay): string | undefined {
  const { op, body, definition } = replay;
  if (body.length + (definition?.length ?? 0) > MAX_GROUP_BYTES / 2) return "it is too large for one message";
  if (op === OP.apply && definition === null) return "its function was not kept";
  return replay.isReplayable ? undefined : "its large arguments were not kept";
}

/** What still means something for the hub's own client: dependencies and engines named by id do not. */
function keptOptions(tail: Uint8Array, cap: Cap | null): Uint8Array {
  const options: unknown = tail.length === 0 ? {} : parseJson(decoder.decode(tail));
  const { after: _after, follow: _follow, targets: _targets, ...old } = isObject(options) ? options : {};
  const kept = cap === null ? old : { ...old, cap: Policy.capText(cap) };
  return Object.keys(kept).length === 0 ? EMPTY : encoder.encode(jsonText(kept));
}
