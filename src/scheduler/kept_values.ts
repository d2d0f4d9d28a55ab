/**
 * Kept values on the direct scheduler: takes them from clients, gives them to the engine processes that want them, asks clients for what it has dropped.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, type GroupHeader, KIND, VALUES } from "../protocol/groups.ts";
import { nameText, nameWords } from "../protocol/value_name.ts";
import type { Incoming } from "../wire/incoming.ts";
import { seal, type Sealing } from "./engine_ends.ts";
import type { GroupDoor } from "./group_door.ts";
import { type StoredValue, ValueStore } from "./value_store.ts";

export interface KeptValuesParts {
  readonly door: GroupDoor;
  readonly sealing: Sealing;
  /** The sender's next number, towards engines and clients. */
  readonly nextSeq: () => number;
  /** Frames behind the address. */
  readonly toEngine: (uuid: string, frames: readonly Uint8Array[]) => void;
  /** False if nobody knows where that client is. */
  readonly toClient: (client: number, frames: readonly Uint8Array[]) => boolean;
}

export class KeptValues {
  readonly #parts: KeptValuesParts;
  readonly #store: ValueStore;
  /** Engines that wait for a value, by name. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Engines that a value was sent to, by name. */
  readonly #holders = new Map<string, Set<string>>();
  readonly #writer = new GroupWriter(256);
  readonly #name = new Uint32Array(4);

  constructor(parts: KeptValuesParts, store = new ValueStore()) {
    this.#parts = parts;
    this.#store = store;
  }

  /** `[rid, any, GROUP, piece]` of a client's; the door's reader stands before its first record. */
  takePiece(message: Incoming, client: number): void {
    const { door } = this.#parts;
    const { n: buffers, index, offset, total, length } = door.reader.chunk();
    if (!door.reader.name(this.#name) || message.count !== 4 || message.size(3) !== length) {
      return door.drop("a client on mux", "a piece of a value that is not as it says");
    }
    const name = nameText(this.#name);
    const taken = this.#store.add(name, client, buffers, { index, offset, total, bytes: message.copy(3) });
    if (taken === "more") return;
    this.#tellClient(client, taken === "whole" ? VALUES.kept : VALUES.none, name);
    if (taken === "whole") this.#supply(name);
    else this.#nobody(name);
  }

  /** A client's word. */
  told({ window: word, origin: client }: GroupHeader): void {
    for (const name of this.#names()) {
      // What it asked for has been answered, or it has nothing any more.
      if (word === VALUES.drop) this.#drop(name);
      else if (word === VALUES.none && this.#store.ownerOf(name) === client) this.#nobody(name);
    }
  }

  /** An engine wants values. */
  wanted(uuid: string): void {
    for (const name of this.#names()) {
      const value = this.#store.use(name);
      if (value !== undefined) this.#send(uuid, name, value);
      else if (this.#askOwner(name)) added(this.#waiting, name, uuid);
      else this.#tellEngine(uuid, VALUES.none, name);
    }
  }

  /** An engine is gone. */
  forget(uuid: string): void {
    for (const sets of [this.#waiting, this.#holders]) {
      for (const [name, uuids] of sets) if (uuids.delete(uuid) && uuids.size === 0) sets.delete(name);
    }
  }

  #names(): string[] {
    const names: string[] = [];
    while (this.#parts.door.reader.name(this.#name)) names.push(nameText(this.#name));
    return names;
  }

  #askOwner(name: string): boolean {
    const client = this.#store.ownerOf(name);
    return client !== undefined && this.#tellClient(client, VALUES.want, name);
  }

  #supply(name: string): void {
    const value = this.#store.use(name), uuids = this.#waiting.get(name);
    this.#waiting.delete(name);
    if (value !== undefined) { for (const uuid of uuids ?? []) this.#send(uuid, name, value); }
  }

  #nobody(name: string): void {
    for (const uuid of this.#waiting.get(name) ?? []) this.#tellEngine(uuid, VALUES.none, name);
    this.#waiting.delete(name);
  }

  #drop(name: string): void {
    this.#store.drop(name);
    this.#nobody(name);
    for (const uuid of this.#holders.get(name) ?? []) this.#tellEngine(uuid, VALUES.drop, name);
    this.#holders.delete(name);
  }

  #send(uuid: string, name: string, { client, buffers, pieces }: StoredValue): void {
    added(this.#holders, name, uuid);
    const words = nameWords(name);
    for (const { index, offset, total, bytes } of pieces) {
      this.#writer.reset();
      this.#writer.chunk({ n: buffers, client, index, side: 0, offset, length: bytes.length, total });
      this.#writer.name(...words);
      this.#parts.toEngine(uuid, [this.#seal(KIND.value, ANY), bytes]);
    }
  }

  #tellEngine(uuid: string, word: number, name: string): void {
    this.#parts.toEngine(uuid, [this.#word(word, name, ANY)]);
  }

  #tellClient(client: number, word: number, name: string): boolean {
    return this.#parts.toClient(client, [this.#word(word, name, client)]);
  }

  #word(word: number, name: string, target: number): Uint8Array {
    this.#writer.reset();
    this.#writer.name(...nameWords(name));
    return this.#seal(KIND.values, target, word);
  }

  #seal(kind: number, target: number, window = 0): Uint8Array {
    return seal(this.#parts.sealing, this.#writer, { kind, target, seq: this.#parts.nextSeq(), window });
  }
}

function added(sets: Map<string, Set<string>>, name: string, uuid: string): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([uuid]));
  else set.add(uuid);
}
