/**
 * What is remembered of finished tasks: per client three bits and the engine of each task, indexed by its number n.
 *
 * Dependencies may name any task that this scheduler has ever seen, so something must stay; clients count their tasks densely from 1, which makes that
 * three bits and two bytes (a million tasks: 2.4 MB) instead of sets of ids.
 */

/** Open tasks of one client by n, so that a cancel or a resent task finds them. */
class OpenIndex {
  #ring = new Uint32Array(256);
  #key = new Uint32Array(256);
  /** Those whose place in the ring is held by another open task. */
  #overflow = new Map<number, number>();
  #open = 0;

  set(n: number, seq: number): void {
    this.#open++;
    if (this.#open * 2 > this.#ring.length && this.#ring.length < 1 << 17) this.#grow();
    const at = n & (this.#ring.length - 1);
    if (this.#ring[at] === 0) {
      this.#ring[at] = seq;
      this.#key[at] = n;
    } else this.#overflow.set(n, seq);
  }

  get(n: number): number {
    const at = n & (this.#ring.length - 1);
    if (this.#ring[at] !== 0 && this.#key[at] === n) return this.#ring[at]!;
    return this.#overflow.size === 0 ? 0 : this.#overflow.get(n) ?? 0;
  }

  delete(n: number): void {
    this.#open--;
    const at = n & (this.#ring.length - 1);
    if (this.#ring[at] !== 0 && this.#key[at] === n) this.#ring[at] = 0;
    else this.#overflow.delete(n);
  }

  #grow(): void {
    const ring = this.#ring, key = this.#key;
    this.#ring = new Uint32Array(ring.length * 2);
    this.#key = new Uint32Array(ring.length * 2);
    const place = (n: number, seq: number) => {
      const at = n & (this.#ring.length - 1);
      if (this.#ring[at] !== 0) return false;
      this.#ring[at] = seq;
      this.#key[at] = n;
      return true;
    };
    for (let i = 0; i < ring.length; i++) if (ring[i] !== 0) place(key[i]!, ring[i]!);
    for (const [n, seq] of this.#overflow) if (place(n, seq)) this.#overflow.delete(n);
  }
}

const SEEN = 1;
const SUCCEEDED = 2;
const FAILED = 4;
/** Tasks of one page; pages that no task fell into take no memory. */
const PAGE = 1 << 14;

/** What is remembered of `PAGE` neighbouring tasks. */
interface Page {
  /** Two tasks in a byte: 4 bits each. */
  readonly bits: Uint8Array;
  /** Id of the engine on which each ended, plus 1. */
  readonly engine: Uint16Array;
}

/** One client's tasks: which were seen, how they ended, where they ran, which are open. */
export class ClientHistory {
  readonly #pages = new Map<number, Page>();
  readonly open = new OpenIndex();

  #get(n: number): number {
    const page = this.#pages.get(Math.floor(n / PAGE));
    return page === undefined ? 0 : (page.bits[(n % PAGE) >>> 1]! >>> ((n & 1) * 4)) & 15;
  }

  #or(n: number, bit: number): Page {
    const index = Math.floor(n / PAGE);
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = { bits: new Uint8Array(PAGE / 2), engine: new Uint16Array(PAGE) };
      this.#pages.set(index, page);
    }
    page.bits[(n % PAGE) >>> 1]! |= bit << ((n & 1) * 4);
    return page;
  }

  seen(n: number): boolean {
    return (this.#get(n) & SEEN) !== 0;
  }

  succeeded(n: number): boolean {
    return (this.#get(n) & SUCCEEDED) !== 0;
  }

  failed(n: number): boolean {
    return (this.#get(n) & FAILED) !== 0;
  }

  /** Engine on which task n ended, or -1 (ids above 65534 are not kept). */
  engineOf(n: number): number {
    return (this.#pages.get(Math.floor(n / PAGE))?.engine[n % PAGE] ?? 0) - 1;
  }

  see(n: number): void {
    this.#or(n, SEEN);
  }

  finish(n: number, ok: boolean, engine: number): void {
    const page = this.#or(n, ok ? SUCCEEDED : FAILED);
    page.engine[n % PAGE] = engine >= 0 && engine < 0xffff ? engine + 1 : 0;
  }
}

/** Highest n that a client may use: what bounds the pages that a hostile or broken client makes us keep. */
export const MAX_N = 1 << 28;
