/**
 * Tasks that came in no group: cells of peers and what control requests need from the slot. They wait in the same queue as all others.
 */
import type { By } from "../protocol/by.ts";
import { now } from "../base/clock.ts";
import { emptyTask, INLINE_BODY_BYTES, OP } from "../protocol/groups.ts";
import { encodeValue } from "../protocol/values.ts";
import type { EngineCore } from "./core.ts";
import type { ChildKey } from "./grants.ts";
import type { PeerApply } from "./peer_apply.ts";
import { isExit, PEER_CLIENT, type PeerExecute } from "./peer_requests.ts";
import { piecesOf } from "./piece_store.ts";
import type { Question } from "./reflection.ts";
import { RING_OP } from "./ring.ts";
import type { TaskKeys } from "./task_keys.ts";

/** A task of the engine's own, behind a control request. */
export interface InternalTask {
  readonly kind: "internal";
  /** With what went wrong, or null; and the bytes of the slot's answer with its large buffers, which are valid during the call. */
  readonly done: (failure: string | null, body: Uint8Array | null, large: readonly Uint8Array[]) => void;
}

/** Counted apart: an abort of a peer's request means no task of the engine's own. */
const INTERNAL_CLIENT = PEER_CLIENT - 1;

export class OwnTasks {
  readonly #core: EngineCore<ChildKey>;
  readonly #keys: TaskKeys;
  #last = 0;

  constructor(core: EngineCore<ChildKey>, keys: TaskKeys) {
    this.#core = core;
    this.#keys = keys;
  }

  /** Puts a peer's cell into the queue; false if that is full. */
  execute(request: PeerExecute): boolean {
    const { silent, n, storesHistory: counts, expressions } = request;
    const code = isExit(request) ? "" : request.code;
    const cell = { code, silent, peer: { counts, expressions } };
    return this.#add(OP.execute, cell, n, request, request.header.session, request.stopOnError && !silent);
  }

  /** Asks a peer's namespace something, in its turn. */
  question(question: Question, session: string, done: InternalTask["done"]): void {
    this.#last = (this.#last + 1) >>> 0;
    const internal = { kind: "internal", done } as const;
    if (this.#add(RING_OP.question, question, this.#last, internal, session, false)) return;
    done("The engine's queue is full", null, []);
  }

  /** Puts a peer's apply into the queue; false if it is full. */
  apply(request: PeerApply): boolean {
    return this.#add(RING_OP.python, request.buffers, request.n, request, request.header.session, false);
  }

  /** Empties a peer's namespace, in its turn. */
  clear(session: string, done: InternalTask["done"]): void {
    this.#last = (this.#last + 1) >>> 0;
    if (!this.#add(OP.clear, null, this.#last, { kind: "internal", done }, session, false)) {
      done("The engine's queue is full", null, []);
    }
  }

  #add(
    op: number,
    value: unknown,
    n: number,
    peer: PeerExecute | PeerApply | InternalTask,
    session: string,
    isAlone: boolean,
  ): boolean {
    const { body, buffers } = fitting(value);
    const { frames } = this.#core;
    const frame = frames.add(body);
    const record = {
      ...emptyTask(),
      n,
      client: peer.kind === "internal" ? INTERNAL_CLIENT : PEER_CLIENT,
      op,
      submitted: now(),
      buffers: buffers.length,
      bodyLength: body.length,
    };
    const pieces = buffers.flatMap((buffer, index) => piecesOf(buffer, index));
    const rare = { limits: null, submitted: record.submitted, pieces, isAlone, peer };
    const ticket = this.#core.add(record, frame, 0, false, 0, rare, this.#keys.ofPeer(session));
    frames.dropIfUnused(frame);
    return ticket !== 0;
  }

  /** Aborts cells of peers that have not begun. */
  abort(ns: readonly number[]): void {
    this.#abort(ns.map((n) => ({ client: PEER_CLIENT, n })));
  }

  /** Stops requests of peers in any state. */
  cancel(ns: readonly number[], by: By): void {
    const names = ns.map((n) => ({ client: PEER_CLIENT, n, waitingOnly: false, by }));
    if (names.length > 0) this.#core.step({ kind: "cancel", names, at: now() });
  }

  /** Aborts everything that has not begun. */
  abortAll(): void {
    const { table } = this.#core;
    const names: { client: number; n: number }[] = [];
    table.forEach((place) => names.push({ client: table.client[place]!, n: table.n[place]! }));
    this.#abort(names);
  }

  #abort(names: readonly { readonly client: number; readonly n: number }[]): void {
    if (names.length === 0) return;
    const waiting = names.map((name) => ({ ...name, waitingOnly: true }));
    this.#core.step({ kind: "cancel", names: waiting, at: now() });
  }
}

/** A value for the ring: a body that is too long for it is the last of its buffers. */
function fitting(value: unknown): { body: Uint8Array; buffers: readonly Uint8Array[] } {
  const { body, buffers } = encodeValue(value);
  return body.length <= INLINE_BODY_BYTES
    ? { body, buffers }
    : { body: new Uint8Array(0), buffers: [...buffers, body] };
}
