/**
 * The broadcast sockets exist, since connection files must name them; the broadcast scheduler itself does not yet. A request gets an error, so that nobody waits.
 */
import type { Message, Session } from "../protocol/frames.ts";
import type { Socket } from "../wire/socket.ts";

export class BroadcastStub {
  readonly #clients: Socket;
  readonly #session: Session;

  constructor(clients: Socket, session: Session) {
    this.#clients = clients;
    this.#session = session;
  }

  read(): boolean {
    for (let frames = this.#clients.receive(); frames !== undefined; frames = this.#clients.receive()) {
      this.#refuse(frames);
    }
    return false;
  }

  #refuse(frames: readonly Uint8Array[]): void {
    let message: Message;
    try {
      message = this.#session.parse(frames);
    } catch {
      return;
    }
    const content = {
      status: "error" as const,
      ename: "NotImplementedError",
      evalue: "This controller has no broadcast scheduler yet: use a DirectView",
      traceback: [],
      engine_info: {},
    };
    const metadata: Record<string, unknown> = { ...message.metadata };
    const targets: unknown[] = Array.isArray(metadata.targets) ? metadata.targets : [];
    const ids = metadata.is_coalescing === true
      ? [""]
      : targets.map((pair) => `_${Array.isArray(pair) ? pair[0] : pair}`);
    for (const suffix of ids) {
      const parent = { ...message.header, msg_id: `${message.header.msg_id}${suffix}` };
      const coalesced = suffix === ""
        ? { original_msg_id: message.header.msg_id, broadcast_targets: targets }
        : {};
      this.#clients.send([
        frames[0]!,
        ...this.#session.message("apply_reply", content, {
          parent,
          metadata: { status: "error", ...coalesced },
        }),
      ]);
    }
  }
}
