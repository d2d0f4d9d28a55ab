/**
 * Which tasks have ended and where, for a hub that keeps no records: a bit for each task of a group, the name of each peer's task up to
 * a bound. It is what Python's hub holds in lists beside its database.
 */

/** Bits of one page: tasks are numbered without gaps, so that most pages are full. */
const PAGE_BITS = 4096;
/** Peers' tasks that are remembered; beyond, the oldest are forgotten. */
const MAX_PEERS = 100_000;

type Pages = Map<number, Uint32Array>;

export class FinishedTasks {
  /** Pages by client, by engine. */
  readonly #groups = new Map<number, Map<string, Pages>>();
  readonly #peers = new Map<string, string>();

  addGroup(client: number, n: number, engine: string): void {
    let engines = this.#groups.get(client);
    if (!engines) this.#groups.set(client, engines = new Map());
    let pages = engines.get(engine);
    if (!pages) engines.set(engine, pages = new Map());
    const at = Math.floor(n / PAGE_BITS), bit = n % PAGE_BITS;
    let page = pages.get(at);
    if (!page) pages.set(at, page = new Uint32Array(PAGE_BITS / 32));
    page[bit >>> 5]! |= 1 << (bit & 31);
  }

  addPeer(msgId: string, engine: string): void {
    this.#peers.set(msgId, engine);
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= MAX_PEERS) return;
      this.#peers.delete(oldest);
    }
  }

  hasPeer(msgId: string): boolean {
    return this.#peers.has(msgId);
  }

  hasGroup(client: number, n: number): boolean {
    const engines = this.#groups.get(client)?.values() ?? [];
    return [...engines].some((pages) => isSet(pages.get(Math.floor(n / PAGE_BITS)), n % PAGE_BITS));
  }

  /** msg_ids of peers' tasks that ended at an engine. */
  peersOf(engine: string): string[] {
    return [...this.#peers].filter(([, uuid]) => uuid === engine).map(([msgId]) => msgId);
  }

  /** Groups' tasks that ended at an engine. */
  *groupsOf(engine: string): Generator<[client: number, n: number]> {
    for (const [client, engines] of this.#groups) {
      for (const [at, page] of engines.get(engine) ?? []) {
        for (let bit = 0; bit < PAGE_BITS; bit++) if (isSet(page, bit)) yield [client, at * PAGE_BITS + bit];
      }
    }
  }
}

function isSet(page: Uint32Array | undefined, bit: number): boolean {
  return page !== undefined && (page[bit >>> 5]! & (1 << (bit & 31))) !== 0;
}
