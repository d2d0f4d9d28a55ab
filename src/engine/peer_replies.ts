/**
 * Replies of an engine to peers, with the metadata that ipyparallel's schedulers and clients need in each of them.
 */
import { now } from "../base/clock.ts";
import { type Dictionary, isoTime } from "../protocol/frames.ts";
import type { CellError } from "./cell_errors.ts";
import type { PeerMessage } from "./peer_channel.ts";

export class PeerReplies {
  readonly #uuid: string;
  readonly #engineId: () => number;

  /** @param uuid the engine's */
  constructor(uuid: string, engineId: () => number) {
    this.#uuid = uuid;
    this.#engineId = engineId;
  }

  /** @param startedAt 0: now */
  reply(
    request: PeerMessage,
    type: string,
    content: Dictionary,
    status: string,
    startedAt: number,
    buffers: readonly Uint8Array[] = [],
  ): void {
    const { channel, idents, header } = request;
    const asked = request.metadata;
    const metadata = {
      engine: this.#uuid,
      status,
      started: isoTime(startedAt === 0 ? now() : startedAt),
      // So Python's engines say it: another engine may run the task.
      dependencies_met: content["ename"] !== "UnmetDependency",
      is_broadcast: asked["is_broadcast"] ?? false,
      is_coalescing: asked["is_coalescing"] ?? false,
      original_msg_id: asked["original_msg_id"] ?? "",
      label: asked["label"] ?? null,
      ...(content["engine_info"] === undefined ? {} : { engine_info: content["engine_info"] }),
    };
    channel.send([
      ...idents,
      ...channel.session.message(type, content, { parent: header, metadata, buffers }),
    ]);
  }

  /** @param more what the type's replies have beside the error */
  error(request: PeerRequest, error: CellError, startedAt: number, more: Dictionary = {}): void {
    const { kind: method } = request;
    const engine_info = { engine_uuid: this.#uuid, engine_id: this.#engineId(), method };
    const content = { status: "error", ...error, engine_info, ...more };
    this.reply(request, `${method}_reply`, content, "error", startedAt);
  }

  aborted(request: PeerRequest): void {
    this.reply(request, `${request.kind}_reply`, { status: "aborted" }, "aborted", 0);
  }
}

/** A request that takes a turn in the slot. */
export interface PeerRequest extends PeerMessage {
  readonly kind: "execute" | "apply";
}
