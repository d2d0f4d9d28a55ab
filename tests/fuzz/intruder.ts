/** Sockets of somebody who should not be there, at every public port of a controller. */

import type { ClientConnection, EngineConnection } from "../../src/protocol/connection_file.ts";
import { Context } from "../../src/wire/context.ts";
import type { Socket, SocketType } from "../../src/wire/socket.ts";
import type { Chance } from "./chance.ts";

/** One port, and what a peer would connect to it. */
interface Door {
  readonly name: string;
  readonly port: number;
  readonly type: SocketType;
}

/** Sockets are used for some messages and then replaced by others. */
const LIFE = 40;

export class Intruder implements Disposable {
  readonly #chance: Chance;
  readonly #context = Context.open();
  readonly #doors: readonly Door[];
  readonly #open = new Map<string, { socket: Socket; uses: number }>();
  readonly #tcp: Deno.Conn[] = [];
  readonly #uuids: readonly string[];

  constructor(chance: Chance, client: ClientConnection, engine: EngineConnection, uuids: readonly string[]) {
    this.#chance = chance;
    this.#uuids = uuids;
    const dealer = (name: string, port: number): Door => ({ name, port, type: "DEALER" });
    this.#doors = [
      dealer("registration", client.registration),
      dealer("mux", client.mux),
      dealer("control", client.control),
      ...(client.task === undefined ? [] : [dealer("task", client.task)]),
      dealer("broadcast", client.broadcast),
      dealer("engine mux", engine.mux),
      dealer("engine control", engine.control),
      ...(engine.task === undefined ? [] : [dealer("engine task", engine.task)]),
      ...engine.broadcast.map((port, i) => dealer(`engine broadcast ${i}`, port)),
      dealer("engine hb_pong", engine.hb_pong),
      { name: "engine iopub", port: engine.iopub, type: "XPUB" },
      { name: "notification", port: client.notification, type: "XSUB" },
      { name: "iopub", port: client.iopub, type: "XSUB" },
      { name: "engine hb_ping", port: engine.hb_ping, type: "XSUB" },
    ];
  }

  /** Names of the doors that were used. */
  readonly used = new Set<string>();

  /** Sends a message to some door; to those that only publish as an unheard-of subscription. */
  send(frames: readonly Uint8Array[]): void {
    const door = this.#chance.pick(this.#doors);
    this.used.add(door.name);
    const socket = this.#socket(door);
    while (socket.receive() !== undefined);
    // XSUB takes one frame that begins with 1 for a subscription; all else goes through as it is.
    socket.send(door.type === "XSUB" ? frames.slice(0, 1) : frames);
  }

  #socket(door: Door): Socket {
    const open = this.#open.get(door.name);
    if (open !== undefined && open.uses++ < LIFE) return open.socket;
    open?.socket.close();
    const identity = this.#chance.is(0.3) ? { identity: this.#identity(door) } : {};
    const socket = this.#context.socket(door.type, { lingerMs: 200, ...identity });
    socket.connect(`tcp://127.0.0.1:${door.port}`);
    this.#open.set(door.name, { socket, uses: 0 });
    return socket;
  }

  /**
   * Anybody's; also that of an engine, at ports where engines do not connect. Where they do, it would take the engine's place until that
   * has connected again: an engine whose connection broke has to get in, and without CURVE the controller cannot know who it is that does.
   */
  #identity({ name }: Door): Uint8Array {
    const known = this.#chance.is(0.3) && !/registration|engine/.test(name)
      ? this.#chance.pick(this.#uuids)
      : "";
    const bytes = known === ""
      ? this.#chance.bytes(1 + this.#chance.below(60))
      : new TextEncoder().encode(known);
    if (bytes[0] === 0) bytes[0] = 1; // reserved by ZeroMQ
    return bytes;
  }

  /** Bytes over TCP, without ZeroMQ. Some connections stay open for a while. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    const { port } = this.#chance.pick(this.#doors);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(bytes).catch(() => {});
    this.#tcp.push(connection);
    if (this.#tcp.length > 20) this.#tcp.shift()!.close();
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#open.values()) socket.close();
    for (const connection of this.#tcp) connection.close();
    this.#context.close();
  }
}
