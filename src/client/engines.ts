/**
 * Which engines there are, as the hub tells: ids, uuids, and whether an engine is ours or a Python one.
 */

/** One registered engine. */
export interface Engine {
  readonly id: number;
  readonly uuid: string;
  /** Speaks groups. Python engines do not, nor does any engine behind Python's controller. */
  readonly isOurs: boolean;
  /** Takes pieces that are meant for several engines. */
  readonly shares: boolean;
}

export class Engines {
  readonly #byId = new Map<number, Engine>();
  /** Ids that were unregistered, with their uuids: names for what they had done, and against answers that are late. */
  readonly #gone = new Map<number, string>();
  /** Every uuid that was ever told of, with its id. */
  readonly #idOfUuid = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #ids: readonly number[] = [];
  #version = 0;

  /** Counts the changes. */
  get version(): number {
    return this.#version;
  }

  /** Ids of the registered engines, ascending. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /** The registered engines that take messages one by one. */
  get peers(): Engine[] {
    return [...this.#byId.values()].filter(({ isOurs }) => !isOurs);
  }

  get(id: number): Engine | undefined {
    return this.#byId.get(id);
  }

  /** The uuid of an engine that is or was registered. */
  uuidOf(id: number): string | null {
    return this.#byId.get(id)?.uuid ?? this.#gone.get(id) ?? null;
  }

  /** The id of an engine that is or was registered; -1 for any other uuid. */
  idOf(uuid: string): number {
    return this.#idOfUuid.get(uuid) ?? -1;
  }

  /** An engine registered, perhaps again. */
  registered(engine: Engine): void {
    this.#gone.delete(engine.id);
    this.#add(engine);
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
      if (!this.#gone.has(engine.id) && !this.#byId.has(engine.id)) this.#add(engine);
    }
    this.#changed();
  }

  /** Takes what a controller lists that was away: others than these are gone, until they register. */
  renewed(engines: readonly Engine[]): void {
    const listed = new Set(engines.map(({ uuid }) => uuid));
    for (const { id, uuid } of [...this.#byId.values()]) {
      this.#byId.delete(id);
      if (!listed.has(uuid)) this.#gone.set(id, uuid);
    }
    for (const engine of engines) {
      this.#gone.delete(engine.id);
      this.#add(engine);
    }
    this.#changed();
  }

  #add(engine: Engine): void {
    this.#byId.set(engine.id, engine);
    this.#idOfUuid.set(engine.uuid, engine.id);
  }

  /** Calls back at each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    this.#version++;
    this.#ids = [...this.#byId.keys()].sort((a, b) => a - b);
    for (const listener of [...this.#listeners]) listener();
  }
}
