/**
 * What leaves an engine about its tasks: results and answers to clients, text and displays to everyone, replies to peers.
 */
import type { DeniedAct } from "../protocol/post_mortem.ts";
import { now } from "../base/clock.ts";
import { isoTime, type ParentHeader } from "../protocol/frames.ts";
import { type DeniedPermission, PermissionDenied } from "../protocol/errors.ts";
import { OP, RESULT_FLAG, STATUS, type TaskRecord } from "../protocol/groups.ts";
import { encodeValue, readValue } from "../protocol/values.ts";
import type { Usage } from "./child_usage.ts";
import type { ClientFunctions } from "./client_functions.ts";
import type { EngineCore } from "./core.ts";
import type { Answer } from "./core_types.ts";
import type { ChildKey } from "./grants.ts";
import type { IoPub } from "./iopub.ts";
import type { InternalTask } from "./own_tasks.ts";
import type { PeerApplies, PeerApply } from "./peer_apply.ts";
import { type Death, jsonOf, type PostMortem, postMortemOf } from "./post_mortem.ts";
import type { PeerExecute, PeerRequests } from "./peer_requests.ts";
import { ResultPieces } from "./result_pieces.ts";
import type { ResultSender, Route } from "./result_sender.ts";
import type { WallReport } from "./slot_contract.ts";
import type { DriverHooks } from "./slot_driver.ts";
import type { LimitHit } from "./task_limits.ts";

export interface OutletParts {
  readonly core: EngineCore<ChildKey>;
  readonly sender: ResultSender;
  readonly iopub: IoPub;
  readonly peers: PeerRequests;
  readonly applies: PeerApplies;
  readonly functions: ClientFunctions;
  readonly uuid: string;
  readonly engineId: () => number;
  readonly ready: (walls: WallReport) => void;
  /** How the children are walled off. */
  readonly sandbox: () => string;
  /** What a task used, if it is the one that began last. */
  readonly usage: (ticket: number) => Usage;
}

/** What a result's tail says. */
interface TailParts {
  readonly key: ChildKey;
  readonly out: readonly number[] | null;
  /** Of a task that failed: what it was. */
  readonly op?: number;
  readonly limit?: LimitHit | null;
  readonly postMortem?: PostMortem | null;
  readonly denied?: DeniedPermission | undefined;
  /** It said that it cannot run here, and why. */
  readonly unmet?: string | undefined;
}

type PeerTask = PeerExecute | PeerApply | InternalTask;

const encoder = new TextEncoder();
const MAX_DENIED = 1024;
/** The end of a task that threw. */
const FAILED = { endedBy: "error", end: null, limit: null, by: null } as const;
const METHOD: Readonly<Record<number, string>> = {
  [OP.apply]: "apply",
  [OP.execute]: "execute",
  [OP.push]: "push",
  [OP.pull]: "pull",
  [OP.clear]: "clear",
};

export class Outlet implements DriverHooks {
  readonly #parts: OutletParts;
  readonly #pieces = new ResultPieces();
  /** What open tasks were not allowed to do. */
  readonly #denied = new Map<number, readonly DeniedAct[]>();
  /** The task that said last that it cannot run here: its error comes next. */
  #unmet: { readonly ticket: number; readonly reason: string } | null = null;

  constructor(parts: OutletParts) {
    this.#parts = parts;
  }

  child(): void {
    this.#parts.peers.namespaceIsNew();
  }

  ready(walls: WallReport): void {
    this.#parts.ready(walls);
  }

  started(ticket: number): void {
    const peer = this.#peerOf(ticket);
    if (peer?.kind === "execute") this.#parts.peers.started(peer);
    if (peer?.kind === "apply") this.#parts.applies.started(peer);
  }

  piece(place: number, index: number, total: number, offset: number, bytes: Uint8Array): void {
    const { table } = this.#parts.core;
    const client = table.client[place]!, route = table.route[place]!;
    if (route === 0) this.#pieces.add(table.ticketOf(place), index, total, offset, bytes);
    else this.#parts.sender.piece(route, client, table.n[place]!, index, total, offset, bytes);
  }

  event(ticket: number, place: number, body: Uint8Array): void {
    const event = readEvent(body);
    const peer = this.#peerOf(ticket);
    if (peer?.kind === "execute" && event !== null && this.#parts.peers.event(ticket, peer, event)) return;
    this.#parts.iopub.event(ticket, event, this.#parentOf(ticket, place));
  }

  output(ticket: number, place: number, stream: "stdout" | "stderr", text: Uint8Array): void {
    const { iopub, core } = this.#parts;
    const value = iopub.text(ticket, stream, text, () => this.#parentOf(ticket, place));
    const max = core.rare.limit(ticket, "outputLimitBytes");
    if (value > max) core.step({ kind: "limit", ticket, hit: { limit: "output", value, max }, at: now() });
  }

  result(
    ticket: number,
    place: number,
    isOk: boolean,
    body: Uint8Array,
    buffers: number,
    startedAt: number,
    finishedAt: number,
  ): void {
    const { core, sender, iopub } = this.#parts;
    const lastOutput = isOk ? "" : iopub.lastOf(ticket);
    const out = iopub.finished(ticket);
    const peer = this.#peerOf(ticket);
    const large = this.#pieces.take(ticket);
    if (peer !== undefined) return this.#peerResult(peer, isOk, body, large, startedAt);
    const { table } = core;
    const client = table.client[place]!;
    const status = isOk ? STATUS.ok : STATUS.error;
    const { key } = core.lanes.at(table.lane[place]!);
    const postMortem = isOk
      ? null
      : this.#postMortem(key, ticket, { ...FAILED, startedAt, finishedAt, lastOutput });
    const unmet = isOk ? undefined : this.#takeUnmet(ticket);
    const tail = isOk && out === null && key === core.lanes.default.key
      ? null
      : this.#tail(isOk ? { key, out } : { key, out, op: table.op[place]!, postMortem, unmet });
    const flags = (buffers > 0 ? RESULT_FLAG.buffers : 0) | (tail !== null ? RESULT_FLAG.tail : 0) |
      (unmet !== undefined ? RESULT_FLAG.unmet : 0);
    sender.to(table.route[place]!, client).result(
      table.n[place]!,
      client,
      status,
      flags,
      buffers,
      this.#parts.engineId(),
      tail?.length ?? 0,
      table.seq[place]!,
      core.epochOf(place),
      startedAt,
      finishedAt,
      tail === null ? body : joined(body, tail),
    );
  }

  #peerResult(
    peer: PeerTask,
    isOk: boolean,
    body: Uint8Array,
    large: readonly Uint8Array[],
    startedAt: number,
  ): void {
    const whole = body.length === 0 ? large.at(-1) ?? body : body;
    if (peer.kind === "execute") this.#parts.peers.finished(peer, isOk, whole, large, startedAt);
    else if (peer.kind === "apply") this.#parts.applies.finished(peer, isOk, body, large, startedAt);
    else peer.done(isOk ? null : "The engine could not do it", whole, large);
  }

  denied(ticket: number, acts: readonly DeniedAct[]): void {
    if (this.#denied.size >= MAX_DENIED) this.#denied.clear();
    this.#denied.set(ticket, acts);
  }

  unmet(ticket: number, reason: string): void {
    this.#unmet = { ticket, reason };
  }

  #takeUnmet(ticket: number): string | undefined {
    const unmet = this.#unmet;
    this.#unmet = null;
    return unmet?.ticket === ticket ? unmet.reason : undefined;
  }

  #deniedOf(ticket: number): readonly DeniedAct[] {
    if (this.#denied.size === 0) return [];
    const acts = this.#denied.get(ticket) ?? [];
    this.#denied.delete(ticket);
    return acts;
  }

  answer(answer: Answer): void {
    const lastOutput = this.#parts.iopub.lastOf(answer.ticket);
    const out = this.#parts.iopub.finished(answer.ticket);
    const peer = asPeer(answer.peer);
    this.#pieces.take(answer.ticket);
    if (peer?.kind === "apply") return this.#parts.applies.answered(peer, answer);
    if (peer?.kind === "execute") return this.#parts.peers.answered(peer, answer);
    if (peer?.kind === "internal") return peer.done(answer.evalue, null, []);
    const { key, epoch } = this.#parts.core.lanes.at(answer.lane);
    const postMortem = answer.status === STATUS.aborted
      ? null
      : this.#postMortem(key, answer.ticket, { ...answer, finishedAt: now(), lastOutput });
    this.#write({ ...answer, out, key, epoch, postMortem });
  }

  #postMortem(
    key: ChildKey,
    ticket: number,
    death: Omit<Death, "key" | "usage" | "sandbox" | "denied">,
  ): PostMortem {
    const { usage, sandbox } = this.#parts;
    return postMortemOf({
      ...death,
      key,
      usage: usage(ticket),
      sandbox: sandbox(),
      denied: this.#deniedOf(ticket),
    });
  }

  /** Answers a task that could not be taken. */
  refuse(task: TaskRecord, route: Route, error: Error): void {
    const { core } = this.#parts;
    if (route.isScheduled) core.pace.sent();
    const { op, client, n, seq } = task;
    const { name: ename, message: evalue } = error;
    this.#write({
      op,
      client,
      n,
      seq,
      route: route.index,
      startedAt: 0,
      status: STATUS.error,
      ename,
      evalue,
      limit: null,
      out: null,
      postMortem: null,
      denied: deniedOf(error),
      key: core.lanes.default.key,
      epoch: core.epoch,
    });
  }

  returned(client: number, n: number, seq: number): void {
    this.#parts.sender.returned(client, n, seq);
  }

  #write(answer: {
    readonly op: number;
    readonly route: number;
    readonly client: number;
    readonly n: number;
    readonly seq: number;
    readonly startedAt: number;
    readonly status: number;
    readonly ename: string;
    readonly evalue: string;
    readonly limit: LimitHit | null;
    readonly out: readonly number[] | null;
    readonly postMortem: PostMortem | null;
    readonly denied?: DeniedPermission | undefined;
    readonly key: ChildKey;
    readonly epoch: number;
  }): void {
    const { ename, evalue, client, n, seq } = answer;
    const { body } = encodeValue({ ename, evalue, traceback: [] });
    const tail = this.#tail(answer);
    this.#parts.sender.to(answer.route, client).result(
      n,
      client,
      answer.status,
      RESULT_FLAG.tail,
      0,
      this.#parts.engineId(),
      tail.length,
      seq,
      answer.epoch,
      answer.startedAt,
      now(),
      joined(body, tail),
    );
  }

  #tail({ key, out, op, limit = null, postMortem = null, denied, unmet }: TailParts): Uint8Array {
    const { core, uuid, engineId } = this.#parts, { default: lane } = core.lanes;
    const engine_info = { engine_id: engineId(), engine_uuid: uuid, method: METHOD[op ?? 0] };
    return encoder.encode(JSON.stringify({
      ...(out === null ? {} : { out }),
      ...(op === undefined ? {} : { engine_info }),
      ...(limit === null ? {} : { limit }),
      ...(denied === undefined ? {} : { denied }),
      ...(unmet === undefined ? {} : { unmet }),
      ...(key.permissions === lane.key.permissions ? {} : { permissions: jsonOf(key) }),
      ...(key.isolation === lane.key.isolation ? {} : { isolation: key.isolation }),
      ...(postMortem === null ? {} : { post_mortem: postMortem }),
    }));
  }

  #peerOf(ticket: number): PeerTask | undefined {
    return asPeer(this.#parts.core.rare.get(ticket)?.peer);
  }

  /** The header of the request that a task is, as its client would have written it. */
  #parentOf(ticket: number, place: number): ParentHeader {
    const peer = this.#peerOf(ticket);
    if (peer?.kind === "execute" || peer?.kind === "apply") return peer.header;
    const { table } = this.#parts.core;
    const card = this.#parts.functions.card(table.client[place]!);
    if (card === undefined) return {};
    const { session, username, pid } = card;
    return {
      msg_id: `${session}_${pid}_${table.n[place]!}`,
      msg_type: table.op[place] === OP.execute ? "execute_request" : "apply_request",
      session,
      username,
      date: isoTime(table.startedAt[place]! || now()),
      version: "5.4",
    };
  }
}

/** What a task was refused for, where that is why. */
function deniedOf(error: Error): DeniedPermission | undefined {
  if (!(error instanceof PermissionDenied)) return undefined;
  const { permission, value, where } = error;
  return permission === undefined || value === undefined || where === undefined
    ? undefined
    : { permission, value, where };
}

function asPeer(peer: unknown): PeerTask | undefined {
  return peer as PeerTask | undefined;
}

/** An event of a slot, null if it cannot be read: it comes from the user's code. */
function readEvent(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value = readValue(body);
    if (typeof value !== "object" || value === null) return null;
    const { executionCount, ...event }: Record<string, unknown> = { ...value };
    return executionCount === undefined ? event : { ...event, execution_count: executionCount };
  } catch {
    return null;
  }
}

function joined(body: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + tail.length);
  bytes.set(body);
  bytes.set(tail, body.length);
  return bytes;
}
