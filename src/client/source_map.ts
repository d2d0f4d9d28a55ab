/**
 * Source maps, version 3: from a place in a made text to the place in the file that it was made of.
 */

/** A place in a source; both count from 1. */
export interface SourcePlace {
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** Columns of the made line and where they come from, in order: column, source, line, column, each from 0. */
type Segment = readonly [number, number, number, number];

export class SourceMap {
  readonly #sources: readonly string[];
  readonly #lines: readonly (readonly Segment[])[];

  /** @param json of a map whose sections are in one piece, as bundlers make them */
  constructor(json: string) {
    const { sources, mappings } = JSON.parse(json) as {
      readonly sources: string[];
      readonly mappings: string;
    };
    this.#sources = sources;
    this.#lines = linesOf(mappings);
  }

  /** Where a place (from 1) comes from; undefined if it was made up. */
  place(line: number, column: number): SourcePlace | undefined {
    const segments = this.#lines[line - 1] ?? [];
    const segment = segments.findLast(([at]) => at <= column - 1) ?? segments[0];
    const source = segment === undefined ? undefined : this.#sources[segment[1]];
    if (segment === undefined || source === undefined) return undefined;
    return { source, line: segment[2] + 1, column: segment[3] + 1 };
  }
}

function linesOf(mappings: string): Segment[][] {
  // All but the made column count on from line to line.
  const last = [0, 0, 0];
  return mappings.split(";").map((line) => {
    let column = 0;
    return line.split(",").flatMap((text) => {
      const [over = 0, ...deltas] = numbersOf(text);
      column += over;
      if (deltas.length < 3) return [];
      last.forEach((value, i) => last[i] = value + (deltas[i] ?? 0));
      return [[column, last[0] ?? 0, last[1] ?? 0, last[2] ?? 0] as const];
    });
  });
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** Base64 digits of five bits each, the lowest first; the lowest bit of a number is its sign. */
function numbersOf(text: string): number[] {
  const numbers: number[] = [];
  let value = 0, shift = 0;
  for (const digit of text) {
    const bits = VALUE.get(digit) ?? 0;
    value += (bits & 31) * 2 ** shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    numbers.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    value = shift = 0;
  }
  return numbers;
}
