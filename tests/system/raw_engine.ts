/** A peer's engine by hand: it says what a test wants it to say. */
import type { Message } from "../../src/protocol/frames.ts";
import { findDelimiter } from "../../src/protocol/frames.ts";
import { Context } from "../../src/wire/context.ts";
import type { Socket } from "../../src/wire/socket.ts";
import type { RawPeer } from "./raw_peer.ts";
import { eventually } from "./run.ts";

/** A peer's engine by hand, with a shell and a heart. */
export class RawEngine implements Disposable {
  readonly uuid = crypto.randomUUID();
  readonly #context = Context.open();
  readonly #peer: RawPeer;
  readonly #registration: Socket;
  readonly #pong: Socket;
  readonly #ping: Socket;
  readonly shell: Socket;
  readonly control: Socket;
  id = -1;
  #beat: ReturnType<typeof setInterval> | undefined;

  constructor(peer: RawPeer) {
    this.#peer = peer;
    const open = (type: "DEALER" | "ROUTER" | "SUB") =>
      this.#context.socket(type, {
        identity: this.uuid,
        lingerMs: 100,
        ...(type === "SUB" ? { subscribe: [""] } : {}),
      });
    this.#registration = open("DEALER");
    this.#pong = open("DEALER");
    this.#ping = open("SUB");
    this.shell = open("ROUTER");
    this.control = open("ROUTER");
  }

  /** Registers; connects its shell to a leaf before it is announced, or leaves that for later. */
  async register({ isConnected = true } = {}): Promise<void> {
    const { engine, session } = this.#peer;
    const at = (port: number) => `tcp://127.0.0.1:${port}`;
    this.#registration.connect(at(engine.registration));
    this.#registration.send(session.message("registration_request", { uuid: this.uuid }));
    const frames = await eventually(
      () => this.#registration.receive(),
      (frames) => frames !== undefined,
      "registered",
    );
    this.id = Number(session.parse(frames!).content["id"]);
    if (isConnected) this.connect();
    this.#pong.connect(at(engine.hb_pong));
    this.#ping.connect(at(engine.hb_ping));
    this.#beat = setInterval(() => {
      for (let ping = this.#ping.receive(); ping !== undefined; ping = this.#ping.receive()) {
        this.#pong.send(ping);
      }
    }, 10);
  }

  /** Connects its shell to where requests of a kind come from. */
  connect(way: "broadcast" | "task" | "mux" = "broadcast"): void {
    const { broadcast, [way]: port } = this.#peer.engine;
    this.shell.connect(
      `tcp://127.0.0.1:${way === "broadcast" ? broadcast[this.id % broadcast.length] : port}`,
    );
  }

  connectControl(): void {
    this.control.connect(`tcp://127.0.0.1:${this.#peer.engine.control}`);
  }

  /** The next request, and the frames in front of it. */
  async next(): Promise<{ readonly idents: Uint8Array[]; readonly message: Message }> {
    const frames = await eventually(
      () => this.shell.receive(),
      (frames) => frames !== undefined,
      "a request comes",
    );
    const at = findDelimiter(frames!);
    return { idents: frames!.slice(0, at), message: this.#peer.session.parse(frames!) };
  }

  reply(
    to: { readonly idents: Uint8Array[]; readonly message: Message },
    content: object,
    buffers: Uint8Array[] = [],
  ): void {
    const { header, metadata } = to.message;
    const { is_broadcast, is_coalescing, original_msg_id } = metadata;
    const status = (content as { status: string }).status;
    const answer = { engine: this.uuid, status, is_broadcast, is_coalescing, original_msg_id };
    const frames = this.#peer.session.message("apply_reply", content, {
      parent: header,
      metadata: answer,
      buffers,
    });
    this.shell.send([...to.idents, ...frames]);
  }

  /** Answers with these bytes of header, parent header, metadata and content, rightly signed. */
  replyBytes({ idents }: { readonly idents: Uint8Array[] }, parts: readonly Uint8Array[]): void {
    this.shell.send([...idents, ...this.#peer.session.signed(parts)]);
  }

  leave(): void {
    clearInterval(this.#beat);
    this.#registration.send(this.#peer.session.message("unregistration_request", { id: this.id }));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
    this.#context.close();
  }
}
