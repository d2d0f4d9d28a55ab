/**
 * Functions (and cards of clients) by (client, id), and which engine has which: each travels once per engine.
 *
 * Bodies are opaque records here. A client replaces an id only when none of its tasks is open (PROTOCOL.md, "Definitions").
 */
import type { GroupWriter } from "../protocol/group_writer.ts";

interface Definition {
  readonly record: Uint8Array;
  readonly engines: Set<number>;
}

export class Definitions {
  readonly #byClient = new Map<number, Map<number, Definition>>();
  #bytes = 0;

  /** Bytes of all records kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy of a define record; it replaces an earlier one of the same id. */
  set(client: number, id: number, record: Uint8Array): void {
    let own = this.#byClient.get(client);
    if (own === undefined) this.#byClient.set(client, own = new Map());
    this.#bytes += record.length - (own.get(id)?.record.length ?? 0);
    own.set(id, { record: record.slice(), engines: new Set() });
  }

  has(client: number, id: number): boolean {
    return this.#byClient.get(client)?.has(id) ?? false;
  }

  /** Appends the definition ahead of its first task on this engine; nothing if the engine has it. */
  supply(client: number, id: number, engine: number, into: GroupWriter): void {
    const definition = this.#byClient.get(client)?.get(id);
    if (definition === undefined || definition.engines.has(engine)) return;
    definition.engines.add(engine);
    into.copy(definition.record, 0, definition.record.length);
  }

  /** An engine that registered anew knows nothing. */
  forgetEngine(engine: number): void {
    for (const own of this.#byClient.values()) {
      for (const definition of own.values()) definition.engines.delete(engine);
    }
  }

  forgetClient(client: number): void {
    for (const definition of this.#byClient.get(client)?.values() ?? []) {
      this.#bytes -= definition.record.length;
    }
    this.#byClient.delete(client);
  }
}
