/**
 * Pieces of large buffers that several engines get: for each process that houses some of them one message, and in it the piece as it came. What is done with it there,
 * and whether the engines' tasks come, is no business of this relay: it remembers nothing.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { type ChunkRecord, KIND } from "../protocol/groups.ts";
import type { Incoming } from "../wire/incoming.ts";
import type { GroupDoor } from "./group_door.ts";
import { seal, type Sealing } from "./engine_ends.ts";

export interface SharedPiecesParts {
  readonly door: GroupDoor;
  readonly sealing: Sealing;
  /** The sender's next number towards engines. */
  readonly nextSeq: () => number;
  /** Sends a message's frames from `from` on to an engine, behind these. */
  readonly deliver: (uuid: string, message: Incoming, prefix: readonly Uint8Array[], from: number) => void;
}

interface Housed {
  readonly id: number;
  readonly uuid: string;
  readonly process: string;
}

/** Engines of one process that get a piece: the first of them takes it for all. */
interface House {
  readonly first: Housed;
  readonly names: (readonly [client: number, n: number, engine: number])[];
}

const encoder = new TextEncoder();

export class SharedPieces {
  readonly #parts: SharedPiecesParts;
  readonly #engines = new Map<number, Housed>();
  readonly #writer = new GroupWriter(1 << 10);
  readonly #name = new Uint32Array(4);

  constructor(parts: SharedPiecesParts) {
    this.#parts = parts;
  }

  /** @param process null for an engine that takes no shared pieces */
  registered(id: number, uuid: string, process: string | null): void {
    if (process === null) this.#engines.delete(id);
    else this.#engines.set(id, { id, uuid, process });
  }

  unregistered(uuid: string): void {
    for (const engine of this.#engines.values()) if (engine.uuid === uuid) this.#engines.delete(engine.id);
  }

  /** `[rid, any, GROUP, piece]`, checked; the door's reader stands before its first record. */
  relay(message: Incoming, rid: Uint8Array): void {
    const { door } = this.#parts;
    if (message.count !== 4) return door.drop("a client on mux", "shared pieces without a piece");
    const chunk = door.reader.chunk();
    for (const { first, names } of this.#houses()) {
      const prefix = [encoder.encode(first.uuid), rid, this.#group(chunk, first.id, names)];
      this.#parts.deliver(first.uuid, message, prefix, 3);
    }
  }

  #houses(): Iterable<House> {
    const houses = new Map<string, House>();
    const name = this.#name;
    while (this.#parts.door.reader.name(name)) {
      const [client = 0, n = 0, , id = 0] = name;
      const engine = this.#engines.get(id);
      if (engine === undefined) continue;
      const house = houses.get(engine.process);
      if (house !== undefined) house.names.push([client, n, id]);
      else houses.set(engine.process, { first: engine, names: [[client, n, id]] });
    }
    return houses.values();
  }

  #group(chunk: ChunkRecord, target: number, names: House["names"]): Uint8Array {
    const writer = this.#writer;
    writer.reset();
    writer.chunk(chunk);
    for (const [client, n, engine] of names) writer.name(client, n, 0, engine);
    return seal(this.#parts.sealing, writer, { kind: KIND.shared, target, seq: this.#parts.nextSeq() });
  }
}
