/**
 * What is remembered of finished tasks: per client three bits and the engine of each task, indexed by its number n.
 *
 * Dependencies may name any task that this scheduler has ever seen, so something must stay; clients count their tasks densely from 1, which makes that
 * three bits and a byte or two (a million tasks: 1.5 MB) instead of sets of ids.
 */

import { DenseIndex } from "../base/dense_index.ts";

const SEEN = 1;
const SUCCEEDED = 2;
const FAILED = 4;
/** Tasks of one page; pages that no task fell into take no memory. */
const PAGE = 1 << 10;

/** What is remembered of `PAGE` neighbouring tasks. */
interface Page {
  /** Two tasks in a byte: 4 bits each. */
  readonly bits: Uint8Array;
  /** Id of the engine on which each ended, plus 1; a byte each as long as that is enough. */
  engine: Uint8Array | Uint16Array;
}

/** One client's tasks: which were seen, how they ended, where they ran, which are open. */
export class ClientHistory {
  readonly #pages = new Map<number, Page>();
  #lastIndex = -1;
  #last: Page | undefined;
  /** The scheduler's numbers of open tasks, by n. */
  readonly open = new DenseIndex();

  /** Tasks come and end in groups: mostly it is the same page again. */
  #pageOf(n: number): Page | undefined {
    const index = Math.floor(n / PAGE);
    if (index === this.#lastIndex) return this.#last;
    const page = this.#pages.get(index);
    if (page === undefined) return undefined;
    this.#lastIndex = index;
    return this.#last = page;
  }

  #get(n: number): number {
    const page = this.#pageOf(n);
    return page === undefined ? 0 : (page.bits[(n % PAGE) >>> 1]! >>> ((n & 1) * 4)) & 15;
  }

  #or(n: number, bit: number): Page {
    let page = this.#pageOf(n);
    if (page === undefined) {
      page = { bits: new Uint8Array(PAGE / 2), engine: new Uint8Array(PAGE) };
      this.#pages.set(Math.floor(n / PAGE), page);
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
    return (this.#pageOf(n)?.engine[n % PAGE] ?? 0) - 1;
  }

  see(n: number): void {
    this.#or(n, SEEN);
  }

  finish(n: number, ok: boolean, engine: number): void {
    const page = this.#or(n, ok ? SUCCEEDED : FAILED);
    const mark = engine >= 0 && engine < 0xffff ? engine + 1 : 0;
    if (mark > 0xff && page.engine instanceof Uint8Array) page.engine = Uint16Array.from(page.engine);
    page.engine[n % PAGE] = mark;
  }
}

/** Highest n that a client may use: what bounds the pages that a hostile or broken client makes us keep. */
export const MAX_N = 1 << 28;
