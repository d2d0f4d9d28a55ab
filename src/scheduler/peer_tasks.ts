/**
 * Peers' tasks at the edge of the task scheduler: a Jupyter message becomes the core's event, and the very same frames go on.
 */
import { now } from "../base/clock.ts";
import { emptyTask, STATUS } from "../protocol/groups.ts";
import type { Message, ParentHeader, Remains } from "../protocol/frames.ts";
import type { TaskAsk } from "../protocol/task_asks.ts";
import { isoTime } from "../protocol/times.ts";
import type { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import type { SchedulerCore } from "./core.ts";
import type { CapNotices } from "./cap_notices.ts";
import { type Gate, notYours, type Sender } from "./gate.ts";
import { taskKey } from "./dependencies.ts";
import type { EarlyAborts } from "./early_aborts.ts";
import type { Action } from "./events.ts";
import type { EngineEnd, EngineEnds } from "./engine_ends.ts";
import type { EngineState } from "./engine_table.ts";
import type { HubLink } from "./hub_link.ts";
import type { PeerDoor } from "./peer_door.ts";
import { postMortemOf } from "./own_answers.ts";
import { type PeerId, PeerIds } from "./peer_ids.ts";
import {
  isSameFrame,
  LaterRefusals,
  type Refusal,
  refusalFrames,
  takenId,
  unreadable,
  wrongType,
} from "./peer_refusals.ts";
import {
  BadOption,
  readTaskOptions,
  type TaskNames,
  type TaskOptions,
  UNKNOWN_ENGINE,
} from "./task_options.ts";

/** What travels with a peer's task through the core. */
interface PeerTask {
  readonly rid: Uint8Array;
  /** The message from its delimiter on, as it came. */
  readonly frames: readonly Uint8Array[];
  readonly header: Message["header"];
  readonly metadata: Message["metadata"];
  readonly sender: Sender;
  /** How often it went to an engine. */
  sent: number;
  /** What its client is told behind its reply. */
  later: LaterRefusals | null;
}

const CLIENT = "a client on the task socket";

/** Asks for nothing, but of an engine that can be asked: Python's keep to no cap. */
const FROM_OURS: TaskAsk = { permissions: null, isolation: null };

const encoder = new TextEncoder();
/** Most characters of why a task cannot run on an engine. */
const MAX_REASON = 1000;

export class PeerTasks {
  readonly #clients: Socket;
  readonly #link: HubLink;
  readonly #door: PeerDoor;
  readonly #core: SchedulerCore;
  readonly #early: EarlyAborts;
  readonly #gate: Gate;
  readonly #notices: CapNotices;
  readonly #ids: PeerIds;
  readonly #idOfUuid = new Map<string, number>();
  readonly #uuidOfId = new Map<number, string>();
  readonly #record = emptyTask();
  #frame = -1;

  constructor(
    parts: {
      clients: Socket;
      link: HubLink;
      door: PeerDoor;
      core: SchedulerCore;
      early: EarlyAborts;
      gate: Gate;
      notices: CapNotices;
    },
  ) {
    this.#early = parts.early;
    this.#gate = parts.gate;
    this.#notices = parts.notices;
    this.#clients = parts.clients;
    this.#link = parts.link;
    this.#door = parts.door;
    this.#core = parts.core;
    this.#ids = new PeerIds({ isOpen: (client, n) => parts.core.seqOf(client, n) !== 0 });
  }

  engineRegistered(id: number, uuid: string): void {
    this.#idOfUuid.set(uuid, id);
    this.#uuidOfId.set(id, uuid);
  }

  /** A client of ours: see `PeerIds.own`. */
  clientKnown(client: number, session: string, pid: number): void {
    this.#ids.own(`${session}_${pid}`, client);
  }

  /** How the options of a group's task name other tasks. */
  namesFor(client: number): TaskNames {
    return {
      key: (id) => {
        if (typeof id === "string") return this.#ids.resolve(id);
        return Number.isInteger(id) && id > 0 && id <= 0xffff_ffff ? taskKey(client, id) : undefined;
      },
      text: (id) => `'${typeof id === "string" ? id : this.#ids.nameOf(client, id) ?? id}'`,
    };
  }

  /** A peer has texts only: a number is nobody's id. */
  readonly #names: TaskNames = {
    key: (id) => typeof id === "string" ? this.#ids.resolve(id) : undefined,
    text: (id) => typeof id === "string" ? `'${id}'` : String(id),
  };

  /** A task of a peer: `[rid, DELIM, …]`. */
  fromClient(incoming: Incoming, sender: Sender): void {
    const core = this.#core;
    // They are kept until the task ends.
    const frames = incoming.ownFrames();
    const rid = frames[0]!;
    const message = this.#door.parse(frames, CLIENT, ({ header }, why) => {
      this.#refuse(rid, header, unreadable(why));
    });
    if (message === null) return;
    const { msg_id, msg_type } = message.header;
    if (msg_id === "" || !/^(apply|execute)_request$/.test(msg_type)) {
      this.#door.drop(CLIENT, `a message of type "${msg_type}" is no task`);
      if (msg_type.endsWith("_request")) this.#refuse(rid, message.header, wrongType(msg_type));
      return;
    }
    const { session } = message.header;
    if (!this.#gate.mayBe(sender, session)) {
      return this.#refuse(rid, message.header, notYours(session));
    }
    const { client, n } = this.#ids.number(msg_id);
    if (core.isKnown(client, n)) return this.#refuse(rid, message.header, takenId(msg_id));
    const peer: PeerTask = {
      rid,
      frames: frames.slice(1),
      header: message.header,
      metadata: message.metadata,
      sender,
      sent: 0,
      later: null,
    };
    const options = this.#options(message, sender);
    if (this.#frame < 0) this.#frame = core.frames.add(new Uint8Array(0));
    Object.assign(this.#record, { client, n, definition: 0, buffers: 0 });
    const at = now();
    this.#link.send("intask", frames);
    const isBad = options instanceof BadOption;
    core.submit(this.#record, this.#frame, 0, 0, isBad ? null : options, at, peer);
    if (isBad) core.refuse(this.#record.seq, options.name, options.message);
    // Before it is dispatched: an engine may have heard of the abort and answer too.
    if (this.#early.take(msg_id)) this.abort(msg_id);
    core.dispatch(at);
  }

  /**
   * A request that is not taken gets an error. Whoever named an open task by it hears of it behind that task's reply, since the client would take it for that.
   */
  #refuse(rid: Uint8Array, header: ParentHeader, refusal: Refusal): void {
    const { msg_id: msgId } = header;
    // Nobody could tell what it answers.
    if (typeof msgId !== "string" || msgId === "") return;
    const id = this.#ids.find(msgId);
    const first = id && this.#core.peerOf(this.#core.seqOf(id.client, id.n));
    if (isPeerTask(first) && isSameFrame(first.rid, rid)) {
      if (!(first.later ??= new LaterRefusals()).add(header, refusal)) {
        this.#door.drop(CLIENT, `too many requests under the id "${msgId}"`);
      }
    } else this.#clients.send([rid, ...refusalFrames(this.#door.session, header, refusal)]);
  }

  /** What had to wait for a task's reply. */
  #answerLater({ rid, later }: PeerTask): void {
    for (const frames of later?.take(this.#door.session) ?? []) this.#clients.send([rid, ...frames]);
  }

  #options(message: Message, { cap }: Sender): TaskOptions | BadOption {
    const options = this.#readOptions(message);
    return cap === null || options instanceof BadOption ? options : { ...options, ask: FROM_OURS };
  }

  #readOptions(message: Message): TaskOptions | BadOption {
    try {
      // Messages ask for no permissions: their tasks get what an engine gives by itself. Nor for a priority: what Python's clients write there means nothing.
      const metadata = { ...message.metadata, permissions: null, isolation: null, priority: null };
      const { targets }: { targets?: unknown } = message.metadata;
      if (!Array.isArray(targets)) return readTaskOptions(metadata, this.#names);
      const uuids = targets.map(String);
      const ids = uuids.map((uuid) => this.#idOfUuid.get(uuid) ?? UNKNOWN_ENGINE);
      const unknownTargets = uuids.filter((_, i) => ids[i] === UNKNOWN_ENGINE);
      return { ...readTaskOptions({ ...metadata, targets: ids }, this.#names), unknownTargets };
    } catch (error) {
      return error instanceof BadOption ? error : new BadOption(String(error));
    }
  }

  /** A peer's result: `[uuid, rid, DELIM, …]`. */
  fromEngine(incoming: Incoming, uuid: string, engine: EngineState | undefined): void {
    const core = this.#core;
    const frames = incoming.views();
    const message = this.#door.parse(frames, `engine ${uuid}`, (remains, why) => {
      if (engine !== undefined) this.#damaged(engine, uuid, remains, why);
    });
    if (message === null || engine === undefined) return;
    const parent = message.parentHeader?.msg_id;
    if (typeof parent !== "string") return;
    const id = this.#ids.find(parent);
    if (id === undefined) return;
    const { client, n } = id;
    const seq = core.seqOf(client, n);
    const peer = core.peerOf(seq);
    const { metadata } = message;
    const at = now();
    if (metadata.dependencies_met === false) {
      const { evalue } = message.content;
      const unmet = typeof evalue === "string" ? evalue.slice(0, MAX_REASON) : "";
      core.unmet(engine, seq, { status: STATUS.error, started: startOf(metadata), unmet }, at);
    } else {
      const status = metadata.status === "ok"
        ? STATUS.ok
        : metadata.status === "aborted"
        ? STATUS.aborted
        : STATUS.error;
      const tried = { status, started: startOf(metadata) }, tries = core.triesWith(seq, engine, tried, at);
      if (core.finishOne(engine, seq, client, n, tried, at) === "relay") {
        const swapped = [frames[1]!, frames[0]!];
        incoming.forward(this.#clients, swapped, 2);
        if (tries === null) this.#link.forward("outtask", incoming, swapped, 2);
        else this.#link.send("outtask", [...swapped, ...this.#forRecord(frames.slice(2), metadata, tries)]);
        if (isPeerTask(peer)) this.#answerLater(peer);
      }
    }
    core.dispatch(at);
  }

  /**
   * An engine's reply cannot be read. Its task ends with an error, or is tried again: no other reply will come, and the client could not read this one either. Where
   * it does not even say what it answers, it is the task that the engine has had longest, as engines answer in order.
   */
  #damaged(
    engine: EngineState,
    uuid: string,
    { parentHeader: { msg_id: msgId } }: Remains,
    why: string,
  ): void {
    const core = this.#core, at = now();
    const named = typeof msgId === "string" ? this.#ids.find(msgId) : undefined;
    const seq = named === undefined ? core.oldestSingle(engine) : core.seqOf(named.client, named.n);
    const peer = core.peerOf(seq);
    if (!isPeerTask(peer)) return;
    const task = peer.header.msg_id;
    const id = this.#ids.find(task);
    if (id === undefined) return;
    const tried = { status: STATUS.error, started: 0 };
    if (core.finishOne(engine, seq, id.client, id.n, tried, at) === "relay") {
      const evalue = `Engine ${engine.id} answered task '${task}' with a message that cannot be read: ${why}`;
      this.#reply(peer, "error", "EngineError", evalue, uuid);
    }
    core.dispatch(at);
  }

  /** Sends an assigned task to its engine and tells the hub where it went. */
  assign(seq: number, end: EngineEnd, engines: EngineEnds): void {
    const peer = this.#core.peerOf(seq);
    if (!isPeerTask(peer)) return;
    // The controller runs again what another client sent, under that one's name and cap.
    const notice = peer.sender.isController
      ? null
      : this.#notices.group(end.uuid, end.id, peer.header.session, peer.sender);
    if (notice !== null) engines.deliver(end, [end.ident, notice]);
    engines.deliver(end, [end.ident, peer.rid, ...this.#framesOf(peer)]);
    this.#track(peer, end.uuid);
  }

  /** A task that an engine had waits for another one. */
  waits(peer: unknown): void {
    if (isPeerTask(peer)) this.#track(peer, "");
  }

  #track({ header: { msg_id } }: PeerTask, engine: string): void {
    this.#link.send("tracktask", [encoder.encode(msg_id), encoder.encode(engine)]);
  }

  /** The first time as they came; then signed anew with the number of the try, since an engine ignores a signature that it has seen. */
  #framesOf(peer: PeerTask): readonly Uint8Array[] {
    if (++peer.sent === 1) return peer.frames;
    const { session } = this.#door;
    const metadata = session.packed({ ...peer.metadata, tries: peer.sent });
    const [, , header, parent, , content, ...buffers] = peer.frames;
    return [...session.signed([header!, parent!, metadata, content!]), ...buffers];
  }

  /**
   * A task that still waits here ends now, with the answer that an engine would give; one that an engine has is the engine's to abort.
   * @returns false if there was never such a task
   */
  abort(msgId: string): boolean {
    const id = this.#ids.find(msgId);
    if (id === undefined || !this.#core.isKnown(id.client, id.n)) return false;
    this.#core.step({ kind: "cancel", ...id, waitingOnly: true, at: now() });
    return true;
  }

  /** The number for a task of an earlier run. @param client its client's index, if that is ours */
  remembered(msgId: string, client: number | undefined): PeerId | undefined {
    const at = msgId.lastIndexOf("_");
    if (client !== undefined && at > 0) this.#ids.own(msgId.slice(0, at), client);
    return this.#ids.number(msgId);
  }

  /** The number of a task that is or was here, by its msg_id. */
  find(msgId: string): PeerId | undefined {
    return this.#ids.find(msgId);
  }

  /** The id by which an engine knows a task that it has. */
  msgIdOf(peer: unknown): string | undefined {
    return isPeerTask(peer) ? peer.header.msg_id : undefined;
  }

  /** A failure that the scheduler itself decided. */
  answer(action: Extract<Action, { kind: "answer" }>): void {
    const { peer, ename, evalue, status } = action;
    if (!isPeerTask(peer)) return;
    const uuid = action.engine >= 0 ? this.#uuidOfId.get(action.engine) : undefined;
    const known = postMortemOf(action, uuid, now());
    this.#reply(peer, status === STATUS.aborted ? "aborted" : "error", ename, evalue, uuid, known);
  }

  /** @param known what else its record is told */
  #reply(peer: PeerTask, status: string, ename: string, evalue: string, uuid?: string, known?: object): void {
    const isAborted = status === "aborted";
    const content = isAborted
      ? { status: "aborted" as const }
      : { status: "error" as const, ename, evalue, traceback: [`${ename}: ${evalue}`], engine_info: {} };
    const metadata = isAborted
      ? { status: "aborted" }
      : uuid === undefined
      ? {}
      : { status: "error", engine: uuid, date: isoTime(now()) };
    const type = isAborted && peer.header.msg_type === "execute_request" ? "execute_reply" : "apply_reply";
    const frames = this.#door.session.message(type, content, { parent: peer.header, metadata });
    this.#clients.send([peer.rid, ...frames]);
    this.#link.send("outtask", [peer.rid, ...this.#forRecord(frames, metadata, known)]);
    this.#answerLater(peer);
  }

  /** The same reply with what its client has no use for. */
  #forRecord(
    frames: readonly Uint8Array[],
    metadata: object,
    known: object | undefined,
  ): readonly Uint8Array[] {
    if (known === undefined) return frames;
    const { session } = this.#door;
    const [, , header, parent, , content, ...buffers] = frames;
    const more = session.packed({ ...metadata, tsparallel: { version: 1, post_mortem: known } });
    return [...session.signed([header!, parent!, more, content!]), ...buffers];
  }
}

/** When an engine began a task, ms since 1970; 0 if it does not say. */
function startOf({ started }: Record<string, unknown>): number {
  return typeof started === "string" ? Date.parse(started) || 0 : 0;
}

function isPeerTask(value: unknown): value is PeerTask {
  return typeof value === "object" && value !== null && "frames" in value && "rid" in value;
}
