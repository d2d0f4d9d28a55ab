/**
 * Which engines there are, as the hub tells: ids, uuids, and whether an engine is ours or a Python one.
 */

/** One registered engine. */
export interface Engine {
  readonly id: number;
  readonly uuid: string;
  /** Speaks groups; Python engines do not. */
  readonly isOurs: boolean;
}

export class Engines {
  readonly #byId = new Map<number, Engine>();
  /** Ids that were unregistered, with their uuids: names for what they had done, and against answers that are late. */
  readonly #gone = new Map<number, string>();
  readonly #listeners = new Set<() => void>();
  #ids: readonly number[] = [];

  /** Ids of the registered engines, ascending. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  get(id: number): Engine | undefined {
    return this.#byId.get(id);
  }

  /** The uuid of an engine that is or was registered. */
  uuidOf(id: number): string | null {
    return this.#byId.get(id)?.uuid ?? this.#gone.get(id) ?? null;
  }

  /** An engine registered, perhaps again. */
  registered(engine: Engine): void {
    this.#gone.delete(engine.id);
    this.#byId.set(engine.id, engine);
    this.#changed();
  }

  unregistered(id: number): void {
    const engine = this.#byId.get(id);
    if (engine === undefined) return;
    this.#byId.delete(id);
    this.#gone.set(id, engine.uuid);
    this.#changed();
  }

  /** Adds what a connection_reply lists. Engines that left since it was written are not taken back. */
  listed(engines: readonly Engine[]): void {
    for (const engine of engines) {
      if (!this.#gone.has(engine.id) && !this.#byId.has(engine.id)) this.#byId.set(engine.id, engine);
    }
    this.#changed();
  }

  /** Calls back at each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    this.#ids = [...this.#byId.keys()].sort((a, b) => a - b);
    for (const listener of [...this.#listeners]) listener();
  }
}
