/**
 * The broadcast tree as peers see it: nodes named by binary paths, of which only root and leaves are sockets here. The nodes between them, which in ipyparallel are
 * processes that share the work, would be hops inside one thread: their names stand in front of a message as if it had passed them, and that is all.
 */

/** Deepest tree: 64 leaf sockets. */
export const MAX_DEPTH = 6;

const encoder = new TextEncoder();

/** Routing ids of all nodes on the way, and which leaf serves which engine. */
export class BroadcastTree {
  readonly depth: number;

  constructor(depth: number) {
    if (!Number.isInteger(depth) || depth < 0 || depth > MAX_DEPTH) {
      throw new RangeError(`Cannot make a broadcast tree of depth ${depth}: 0 to ${MAX_DEPTH}`);
    }
    this.depth = depth;
  }

  get leaves(): number {
    return 2 ** this.depth;
  }

  /** The leaf that serves an engine: the low bits of its id. */
  leafOf(engine: number): number {
    return engine % this.leaves;
  }

  /** Routing id of a leaf's socket: its path has one digit more than the tree is deep, the first for the root. */
  leafId(leaf: number): string {
    return nodeId(this.#path(leaf));
  }

  get rootId(): string {
    return nodeId("0");
  }

  /** Names of the nodes above a leaf, nearest first: what an engine sees between the leaf's own name and the client's. */
  above(leaf: number): Uint8Array[] {
    const path = this.#path(leaf);
    return Array.from(
      { length: this.depth },
      (_, i) => encoder.encode(nodeId(path.slice(0, this.depth - i))),
    );
  }

  #path(leaf: number): string {
    return leaf.toString(2).padStart(this.depth + 1, "0");
  }
}

function nodeId(path: string): string {
  return `sub_scheduler_${path}`;
}
