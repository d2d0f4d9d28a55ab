/**
 * Ids of functions, one count for the whole client: engines keep functions by (client, id) whichever way they came, so two paths must
 * not give the same id to different functions. An id is used again only when none of its tasks is open.
 */
import type { Definition } from "./functions.ts";

/** A function and its id. Another function under the same id is another object. */
export interface KnownFunction {
  readonly id: number;
  readonly key: string;
  readonly body: Uint8Array;
  /** Tasks that name it and are open. */
  open: number;
}

export class DefinitionIds {
  readonly #byKey = new Map<string, KnownFunction>();
  readonly #byId: (KnownFunction | undefined)[] = [];
  readonly #blocked = new Set<() => void>();
  readonly #max: number;

  /** @param max most functions that have an id at once */
  constructor(max = 4096) {
    this.#max = max;
  }

  /**
   * Counts one more open task of a function; null if all ids have open tasks.
   * @param retry called once when an id may have become free
   */
  take(definition: Definition, retry: () => void): KnownFunction | null {
    const known = this.#byKey.get(definition.key) ?? this.#add(definition);
    if (known === null) this.#blocked.add(retry);
    else known.open++;
    return known;
  }

  /** A task that names the function has ended. */
  release(id: number): void {
    const known = this.#byId[id];
    if (known === undefined || --known.open > 0 || this.#blocked.size === 0) return;
    const retries = [...this.#blocked];
    this.#blocked.clear();
    for (const retry of retries) retry();
  }

  #add({ key, body }: Definition): KnownFunction | null {
    const id = this.#freeId();
    if (id === 0) return null;
    const known = { id, key, body, open: 0 };
    this.#byKey.set(key, known);
    this.#byId[id] = known;
    return known;
  }

  /** A new id, or that of the oldest function without open tasks; 0 if there is none. */
  #freeId(): number {
    if (this.#byKey.size < this.#max) return this.#byKey.size + 1;
    for (const [key, { id, open }] of this.#byKey) {
      if (open > 0) continue;
      this.#byKey.delete(key);
      return id;
    }
    return 0;
  }
}
