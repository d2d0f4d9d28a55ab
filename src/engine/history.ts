/**
 * What peers and front-ends have run on an engine, for `history_request`. A session is the life of one namespace. Bounded: the oldest
 * cells are forgotten.
 */

/** How a front-end asks; the names are the wire's. */
export interface HistoryQuery {
  readonly hist_access_type: "tail" | "range" | "search";
  readonly output: boolean;
  readonly n: number;
  readonly session: number;
  readonly start: number;
  readonly stop: number | null;
  readonly pattern: string;
  readonly unique: boolean;
}

interface Cell {
  readonly session: number;
  readonly line: number;
  readonly input: string;
  readonly output: string | null;
}

/** As the wire has it: session, line, and the input or input and output. */
export type HistoryItem = readonly [
  session: number,
  line: number,
  cell: string | readonly [input: string, output: string | null],
];

const MAX_CELLS = 1000;
const MAX_CHARACTERS = 4 << 20;
/** Of an output, so much is kept. */
const MAX_OUTPUT = 4096;

export class History {
  readonly #cells: Cell[] = [];
  #characters = 0;
  #session = 1;
  #isUsed = false;

  /** Another namespace begins. */
  newSession(): void {
    if (this.#isUsed) this.#session++;
    this.#isUsed = false;
  }

  add(line: number, input: string, output: string | null): void {
    this.#isUsed = true;
    const cell = { session: this.#session, line, input, output: output?.slice(0, MAX_OUTPUT) ?? null };
    this.#cells.push(cell);
    this.#characters += sizeOf(cell);
    while (this.#cells.length > MAX_CELLS || (this.#characters > MAX_CHARACTERS && this.#cells.length > 1)) {
      this.#characters -= sizeOf(this.#cells.shift()!);
    }
  }

  find(query: HistoryQuery): HistoryItem[] {
    const found = this.#found(query);
    return found.map(({ session, line, input, output }) =>
      [session, line, query.output ? [input, output] : input] as const
    );
  }

  #found(query: HistoryQuery): readonly Cell[] {
    switch (query.hist_access_type) {
      case "tail":
        return last(this.#cells, query.n);
      case "range": {
        const session = query.session > 0 ? query.session : this.#session + query.session;
        const stop = query.stop ?? Infinity;
        return this.#cells.filter((cell) =>
          cell.session === session && cell.line >= query.start && cell.line < stop
        );
      }
      case "search": {
        const matches = this.#cells.filter(({ input }) => isLike(input, query.pattern));
        return last(query.unique ? lastOfEach(matches) : matches, query.n);
      }
    }
  }
}

function sizeOf({ input, output }: Cell): number {
  return input.length + (output?.length ?? 0);
}

function last(cells: readonly Cell[], n: number): readonly Cell[] {
  return n <= 0 ? [] : cells.slice(-n);
}

function lastOfEach(cells: readonly Cell[]): Cell[] {
  const byInput = new Map<string, Cell>();
  for (const cell of cells) {
    byInput.delete(cell.input);
    byInput.set(cell.input, cell);
  }
  return [...byInput.values()];
}

/**
 * Whether a text is as a pattern with `*` and `?` says, from its begin to its end. In steps that never go back further than the last
 * star, so that no pattern takes long.
 */
export function isLike(text: string, pattern: string): boolean {
  let t = 0, p = 0, star = -1, starAt = 0;
  while (t < text.length) {
    const c = pattern[p];
    if (c === "*") {
      star = p++;
      starAt = t;
    } else if (p < pattern.length && (c === "?" || c === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starAt;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
