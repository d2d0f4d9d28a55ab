/**
 * Peers' messages as the schedulers copy them to the hub: each becomes a change of the ledger and of a record. They come in any order
 * (IOPub before the request, results of tasks that nobody knows); what is not known is ignored.
 */

import { jsonText } from "../base/json.ts";
import type { Message, Session } from "../protocol/frames.ts";
import type { RecordedTopic } from "../protocol/link_topics.ts";
import type { Ledger } from "./ledger.ts";
import { isObject } from "./query_match.ts";
import { OUTPUT_KINDS, type OutputKind, type PeerFields, type RecordStore } from "./records.ts";
import type { Engine, Registry } from "./registry.ts";
import { parseTime, timeText } from "./times.ts";

export interface PeerIntakeParts {
  readonly session: Session;
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly store: RecordStore;
  /** An engine said on IOPub that it shuts down. */
  readonly onGoodbye: (uuid: string) => void;
}

const decoder = new TextDecoder();

export class PeerIntake {
  readonly #parts: PeerIntakeParts;

  constructor(parts: PeerIntakeParts) {
    this.#parts = parts;
  }

  /**
   * Takes a message in. The schedulers have checked its signature, but for replies on mux, which they pass on as they are.
   * @param frames may be views of a larger piece of memory, which is the hub's own
   * @param now microseconds since 1970
   * @throws BadMessage if it is none, or its signature is wrong or was seen before
   */
  take(topic: RecordedTopic, frames: readonly Uint8Array[], now: number): void {
    const { session, store } = this.#parts;
    if (topic === "tracktask") return this.#assigned(text(frames[0]), text(frames[1]));
    const message = topic === "out" ? this.#relayed(frames, now) : session.parseChecked(frames);
    if (store.keepsFrames) message.buffers = message.buffers.map((buffer) => buffer.slice());
    switch (topic) {
      case "in":
        return this.#direct(message);
      case "out":
        return this.#directResult(message, now);
      case "intask":
        return this.#task(message);
      case "outtask":
        return this.#taskResult(message, now);
      case "inbcast":
        return this.#broadcast(message);
      case "outbcast":
        return this.#broadcastResult(message, now);
      case "iopub":
        return this.#output(message);
    }
  }

  /** An engine's reply on mux. Of one that cannot be read the record ends with an error: no other will come. @throws BadMessage */
  #relayed(frames: readonly Uint8Array[], now: number): Message {
    const { session, ledger, registry, store } = this.#parts;
    try {
      return session.parse(frames);
    } catch (error) {
      const msgId = session.remains(frames).parentHeader.msg_id;
      const engine = registry.byUuid(text(frames[1]));
      if (engine && typeof msgId === "string" && ledger.closePeer(msgId, engine.id, true)) {
        const why = error instanceof Error ? error.message : String(error);
        const evalue =
          `Engine ${engine.id} answered request '${msgId}' with a message that nobody can read: ${why}`;
        store.put(msgId, { ...engineError(engine, evalue, now), received: now });
      }
      throw error;
    }
  }

  /** The direct requests that an engine had when it left end with an error in their records. */
  failRequests(engine: Engine, now: number): number {
    const { ledger, store } = this.#parts;
    let failed = 0;
    for (const [msgId, place] of [...ledger.peers()]) {
      if (place.engine !== engine.id || place.route !== "mux") continue;
      ledger.closePeer(msgId, engine.id, false);
      const evalue = `Engine '${engine.uuid}' died while running task '${msgId}'`;
      store.put(msgId, engineError(engine, evalue, now));
      failed++;
    }
    return failed;
  }

  #direct(message: Message): void {
    const { ledger, registry, store } = this.#parts;
    const engine = registry.byUuid(text(message.idents[0]));
    const msgId = requestId(message);
    if (!engine || msgId === undefined || !ledger.openPeer(msgId, "mux", engine.id)) return;
    store.put(msgId, { ...submission(message), engine_uuid: engine.uuid, queue: "mux" });
  }

  #directResult(message: Message, now: number): void {
    const { ledger, registry, store } = this.#parts;
    const engine = registry.byUuid(text(message.idents[1]));
    const msgId = parentId(message);
    if (!engine || msgId === undefined || !ledger.closePeer(msgId, engine.id, true)) return;
    store.put(msgId, result(message, now));
  }

  #task(message: Message): void {
    const { ledger, store } = this.#parts;
    const msgId = requestId(message);
    if (msgId === undefined) return;
    ledger.openPeer(msgId, "task", null);
    store.put(msgId, { ...submission(message), queue: "task" });
  }

  #assigned(msgId: string, uuid: string): void {
    const { ledger, registry, store } = this.#parts;
    const engine = registry.byUuid(uuid);
    // Without a uuid: an engine gave it back, and it waits for another one.
    if (engine || uuid === "") ledger.assignPeer(msgId, engine?.id ?? null);
    if (ledger.peer(msgId)) store.put(msgId, { engine_uuid: uuid === "" ? null : uuid });
  }

  #taskResult(message: Message, now: number): void {
    const { ledger, registry, store } = this.#parts;
    const msgId = parentId(message);
    if (msgId === undefined) return;
    const { engine, status } = message.metadata;
    const uuid = typeof engine === "string" ? engine : "";
    const id = registry.byUuid(uuid)?.id ?? null;
    if (!ledger.closePeer(msgId, id, status !== "aborted")) return;
    store.put(msgId, { ...result(message, now), engine_uuid: uuid });
  }

  /** A broadcast has a record for each engine's copy, under the copy's id; one for all together only where its client gets one result. */
  #broadcast(message: Message): void {
    const { ledger, registry, store } = this.#parts;
    const { header, metadata } = message;
    const msgId = requestId(message);
    if (msgId === undefined) return;
    const fields = { ...submission(message), queue: "broadcast" as const };
    for (const uuid of uuidsIn(message.idents[0])) {
      const engine = registry.byUuid(uuid);
      const copy = `${msgId}_${uuid}`;
      if (!engine || !ledger.openPeer(copy, "mux", engine.id)) continue;
      store.put(copy, {
        ...fields,
        header: { ...header, msg_id: copy },
        metadata: { ...metadata, targets: [[uuid, engine.id]], original_msg_id: msgId },
        engine_uuid: uuid,
      });
    }
    if (metadata["is_coalescing"] === true) store.put(msgId, fields);
  }

  /** `[client, uuid, …]` is one engine's reply, `[client, …]` the one for all, without buffers: the records of the copies have them. */
  #broadcastResult(message: Message, now: number): void {
    const { ledger, registry, store } = this.#parts;
    const { idents, metadata } = message;
    if (idents.length < 2) {
      const { original_msg_id: msgId } = metadata;
      if (typeof msgId === "string" && msgId !== "") store.put(msgId, result(message, now));
      return;
    }
    const msgId = parentId(message);
    if (msgId === undefined) return;
    const id = registry.byUuid(text(idents[1]))?.id ?? null;
    if (ledger.closePeer(msgId, id, metadata["status"] !== "aborted")) store.put(msgId, result(message, now));
  }

  #output(message: Message): void {
    const { store, onGoodbye } = this.#parts;
    const type = message.header["msg_type"];
    const msgId = parentId(message);
    if (type === "shutdown_reply") {
      const { session } = message.header;
      if (typeof session === "string") onGoodbye(session);
    }
    if (msgId === undefined) return;
    const { content } = message;
    if (type === "stream") {
      const kind = content["name"] === "stderr" ? "stderr" : "stdout";
      store.output(msgId, { kind, text: String(content["text"] ?? "") });
    } else if (type === "execute_input") {
      store.output(msgId, { kind: "execute_input", text: String(content["code"] ?? "") });
    } else if (isOutputKind(type)) {
      store.output(msgId, { kind: type, text: jsonText(content) });
    }
  }
}

/** The end of a request that its engine does not answer. */
function engineError(engine: Engine, evalue: string, now: number): PeerFields {
  return {
    result_header: { engine: engine.uuid, date: timeText(now) },
    result_content: {
      status: "error",
      ename: "EngineError",
      evalue,
      traceback: [`EngineError: ${evalue}`],
      engine_info: {},
    },
    result_buffers: [],
    completed: now,
  };
}

function isOutputKind(type: unknown): type is OutputKind {
  return OUTPUT_KINDS.some((kind) => kind === type);
}

function text(frame: Uint8Array | undefined): string {
  return frame === undefined ? "" : decoder.decode(frame);
}

/** The engines that got a copy, as the schedulers name them in front of a request. */
function uuidsIn(frame: Uint8Array | undefined): string[] {
  const list: unknown = JSON.parse(text(frame));
  return Array.isArray(list) ? list.map(String) : [];
}

/** The id of a request that gets a reply; comm messages get none, and would wait for ever. */
function requestId({ header }: Message): string | undefined {
  const { msg_id: msgId, msg_type: type } = header;
  const isRequest = typeof type === "string" && /^\w+_request$/.test(type);
  return isRequest && typeof msgId === "string" && msgId !== "" ? msgId : undefined;
}

function parentId({ parentHeader }: Message): string | undefined {
  const msgId = parentHeader?.["msg_id"];
  return typeof msgId === "string" && msgId !== "" ? msgId : undefined;
}

function micros(time: unknown): number | null {
  return typeof time === "string" ? parseTime(time) ?? null : null;
}

function submission(message: Message): PeerFields {
  const { header, metadata, content, buffers } = message;
  const session = header["session"];
  return {
    header: { ...header },
    metadata,
    content,
    submitted: micros(header["date"]),
    client_uuid: typeof session === "string" ? session : null,
    buffers,
  };
}

function result(message: Message, now: number): PeerFields {
  const { header, metadata, content, buffers } = message;
  return {
    result_header: { ...header },
    result_metadata: metadata,
    result_content: isObject(content) ? content : {},
    result_buffers: buffers,
    received: now,
    started: micros(metadata["started"]),
    completed: micros(header["date"]) ?? now,
  };
}
