/**
 * The control relay's way to engines. Like all relays it reads envelopes and never letters, with one exception: `abort_request`. The tasks that it names may still wait
 * in a scheduler, which aborts them at once; and an engine knows its copy of a broadcast under an id of its own, which is added to those that the client named.
 */
import type { By } from "../protocol/by.ts";
import { isDelimiter, type Message } from "../protocol/frames.ts";
import { isGroup } from "../protocol/groups.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import type { EarlyAborts } from "./early_aborts.ts";
import { cappedAway, type Gate } from "./gate.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import { Outbox } from "./outbox.ts";
import type { PeerDoor } from "./peer_door.ts";
import { refusalFrames } from "./peer_refusals.ts";

export interface ControlParts {
  readonly clients: Socket;
  readonly engines: Socket;
  readonly link: HubLink;
  readonly door: PeerDoor;
  readonly isRegistered: (uuid: string) => boolean;
  /** Whether an engine keeps to what its clients may ask for. */
  readonly isOurs: (uuid: string) => boolean;
  readonly gate: Gate;
  /** Aborts a task if it waits in a scheduler; false if none has ever heard of it. */
  readonly abort: (msgId: string) => boolean;
  readonly early: EarlyAborts;
  /** The id under which an engine has its copy of a broadcast, or undefined. */
  readonly copyAt: (msgId: string, uuid: string) => string | undefined;
}

/** How long a message waits for an engine that does not connect its control socket, in ms. */
const PATIENCE_MS = 10_000;
const PEER = "a client on control";
/** What runs no code of a client's. */
const HARMLESS: ReadonlySet<string> = new Set([
  "abort_request",
  "clear_request",
  "connect_request",
  "interrupt_request",
  "kernel_info_request",
  "shutdown_request",
  "signal_request",
]);
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const SCHEDULER = encoder.encode("scheduler");

export class ControlRelay {
  readonly #parts: ControlParts;
  readonly #outbox: Outbox;
  readonly #incoming = new Incoming();

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#outbox = new Outbox(parts.engines, PATIENCE_MS);
  }

  /** Whether messages wait for an engine's connection: Python's engines leave it to a process of its own, which may come late. */
  get isWaiting(): boolean {
    return this.#outbox.isWaiting;
  }

  /** Sends what has waited. */
  flush(): void {
    if (this.#outbox.isWaiting) this.#outbox.retry();
  }

  unregistered(uuid: string): void {
    this.#outbox.forget(uuid);
  }

  /** Reads at most so many messages; true if it stopped before the socket was empty. */
  read(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.clients.receiveInto(this.#incoming)) return false;
      this.#take(this.#incoming);
    }
    return true;
  }

  /** `[rid, uuid, DELIM, …]`, or `[rid, uuid, GROUP]`, which the engine checks. */
  #take(message: Incoming): void {
    const { door } = this.#parts;
    if (message.count < 3) return door.drop(PEER, "a message for nobody");
    const first = message.frame(2);
    if (isGroup(first)) return this.#pass(message);
    if (!isDelimiter(first)) return door.drop(PEER, "neither a message of Jupyter's nor a group");
    const frames = message.frames();
    // Remembered: the engine that gets it would take no second one, at whatever socket it came in.
    const request = door.parse(frames, PEER);
    if (request === null || !this.#isAllowed(message, request)) return;
    if (request.header.msg_type !== "abort_request") return this.#pass(message);
    this.#abort(message, request, decoder.decode(frames[1]));
  }

  /** A kernel's control channel takes cells too: who is capped has Python's engines do there what runs nothing. */
  #isAllowed(message: Incoming, { header, idents }: Message): boolean {
    const { gate, door, clients, isOurs } = this.#parts;
    const sender = gate.senderOf(message);
    if (sender === null || !gate.mayBe(sender, header.session)) {
      door.drop(PEER, `session "${header.session}" is another client's`);
      return false;
    }
    if (sender.cap === null || HARMLESS.has(header.msg_type) || isOurs(decoder.decode(idents[1]))) {
      return true;
    }
    clients.send([...idents, ...refusalFrames(door.session, header, cappedAway(sender))]);
    return false;
  }

  #pass(message: Incoming): void {
    const [rid, ident, ...rest] = message.frames();
    this.#deliver([ident!, rid!, ...rest]);
  }

  #deliver(frames: readonly Uint8Array[]): void {
    this.#parts.link.send("incontrol", frames);
    const uuid = decoder.decode(frames[0]);
    if (this.#parts.isRegistered(uuid)) this.#outbox.send(uuid, frames);
    // It may be on its way in or out.
    else this.#parts.engines.send(frames);
  }

  /**
   * Asks an engine to stop requests of peers in any state. What is ours does; a peer's takes it for an abort of what has not begun.
   */
  cancelAt(uuid: string, msgIds: readonly string[], by: By | undefined): void {
    const content = { msg_ids: msgIds, tsparallel: { version: 1, cancel: by ?? {} } };
    const frames = this.#parts.door.session.message("abort_request", content);
    // Its reply goes to nobody.
    this.#deliver([encoder.encode(uuid), SCHEDULER, ...frames]);
  }

  #abort(message: Incoming, request: Message, uuid: string): void {
    const ids = idsOf(request.content["msg_ids"]);
    const copies: string[] = [];
    for (const id of ids) {
      const copy = this.#parts.copyAt(id, uuid);
      if (copy !== undefined) copies.push(copy);
      else if (!this.#parts.abort(id)) this.#parts.early.add(id);
    }
    if (copies.length === 0) return this.#pass(message);
    const { header, parentHeader: parent, metadata, buffers } = request;
    const content = { ...request.content, msg_ids: [...ids, ...copies] };
    const frames = this.#parts.door.session.pack(header, content, { parent, metadata, buffers });
    const [rid, ident] = request.idents;
    this.#deliver([ident!, rid!, ...frames]);
  }
}

/** One id or a list of them. */
function idsOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((id) => typeof id === "string" && id !== "").map(String);
}
