/**
 * What the direct scheduler must remember, pure: which direct tasks of our clients an engine has, so that none of them waits for an engine that died.
 */

/** A direct task that will not be answered by its engine. */
export interface Stranded {
  readonly engine: number;
  readonly uuid: string;
  readonly client: number;
  readonly n: number;
}

interface DirectEngine {
  readonly id: number;
  readonly uuid: string;
  readonly open: Set<number>;
  diedAt: number;
}

/** How long results of a dead engine are waited for, in ms. */
const GRACE_MS = 100;

export class DirectCore {
  readonly #byUuid = new Map<string, DirectEngine>();
  readonly #dying = new Set<DirectEngine>();

  get nextTick(): number {
    let next = Infinity;
    for (const engine of this.#dying) next = Math.min(next, engine.diedAt + GRACE_MS);
    return next;
  }

  /** An engine came (again): what an earlier registration had is stranded. */
  registered(id: number, uuid: string): Stranded[] {
    const before = this.#byUuid.get(uuid);
    if (before !== undefined) this.#dying.delete(before);
    this.#byUuid.set(uuid, { id, uuid, open: new Set(), diedAt: 0 });
    return before === undefined ? [] : strandedOf(before);
  }

  unregistered(uuid: string, at: number): void {
    const engine = this.#byUuid.get(uuid);
    if (engine === undefined || engine.diedAt !== 0) return;
    engine.diedAt = at;
    this.#dying.add(engine);
  }

  /** Id of a living engine, or -1. */
  idOf(uuid: string): number {
    const engine = this.#byUuid.get(uuid);
    return engine === undefined || engine.diedAt !== 0 ? -1 : engine.id;
  }

  submitted(uuid: string, client: number, n: number): void {
    this.#byUuid.get(uuid)?.open.add(client * 0x1_0000_0000 + n);
  }

  /** Whether this result is one that is waited for; it is not any more afterwards. */
  finished(uuid: string, client: number, n: number): boolean {
    return this.#byUuid.get(uuid)?.open.delete(client * 0x1_0000_0000 + n) ?? false;
  }

  /** The engine that has a task, undefined if none has. */
  engineOf(client: number, n: number): { readonly id: number; readonly uuid: string } | undefined {
    const key = client * 0x1_0000_0000 + n;
    for (const engine of this.#byUuid.values()) {
      if (engine.diedAt === 0 && engine.open.has(key)) return engine;
    }
    return undefined;
  }

  isOpen(uuid: string, client: number, n: number): boolean {
    return this.#byUuid.get(uuid)?.open.has(client * 0x1_0000_0000 + n) ?? false;
  }

  /** Tasks whose engine has been gone for longer than the grace. */
  expired(at: number): Stranded[] {
    const stranded: Stranded[] = [];
    for (const engine of this.#dying) {
      if (engine.open.size > 0 && engine.diedAt + GRACE_MS > at) continue;
      this.#dying.delete(engine);
      if (this.#byUuid.get(engine.uuid) === engine) this.#byUuid.delete(engine.uuid);
      stranded.push(...strandedOf(engine));
    }
    return stranded;
  }
}

function strandedOf(engine: DirectEngine): Stranded[] {
  return [...engine.open].map((key) => ({
    engine: engine.id,
    uuid: engine.uuid,
    client: Math.floor(key / 0x1_0000_0000),
    n: key % 0x1_0000_0000,
  }));
}
