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
  reply(request: PeerMessage, type: string, content: Dictionary, status: string, startedAt: number): void {
    const { channel, idents, header } = request;
    const asked = request.metadata;
    const metadata = {
      engine: this.#uuid,
      status,
      started: isoTime(startedAt === 0 ? now() : startedAt),
      dependencies_met: true,
      is_broadcast: asked["is_broadcast"] ?? false,
      is_coalescing: asked["is_coalescing"] ?? false,
      original_msg_id: asked["original_msg_id"] ?? "",
      label: asked["label"] ?? null,
      ...(content["engine_info"] === undefined ? {} : { engine_info: content["engine_info"] }),
    };
    channel.send([...idents, ...channel.session.message(type, content, { parent: header, metadata })]);
  }

  /** @param more what the type's replies have beside the error */
  error(
    type: "execute_reply" | "apply_reply",
    request: PeerMessage,
    error: CellError,
    startedAt: number,
    more: Dictionary = {},
  ): void {
    const method = type === "apply_reply" ? "apply" : "execute";
    const engine_info = { engine_uuid: this.#uuid, engine_id: this.#engineId(), method };
    this.reply(request, type, { status: "error", ...error, engine_info, ...more }, "error", startedAt);
  }

  aborted(request: PeerMessage): void {
    this.reply(request, "execute_reply", { status: "aborted" }, "aborted", 0);
  }
}
