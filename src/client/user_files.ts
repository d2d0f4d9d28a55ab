/**
 * The user's own files, read to name places in them: only what this program may read already (nobody is asked for a permission), and TypeScript only where
 * the package that takes types away is there.
 */
import { functionsIn, moduleWords, type Word } from "./code_words.ts";
import { fileText, withoutTypes } from "./file_text.ts";

/** Files that are remembered. */
const MAX_FILES = 64;
const files = new Map<string, UserFile | null>();

/** A file by its URL; undefined if it cannot be read or parsed. */
export function userFile(url: string): UserFile | undefined {
  let file = files.get(url);
  if (file === undefined) {
    if (files.size >= MAX_FILES) files.clear();
    files.set(url, file = load(url) ?? null);
  }
  return file ?? undefined;
}

function load(url: string): UserFile | undefined {
  const original = fileText(url);
  if (original === undefined) return undefined;
  const isTyped = /\.[cm]?tsx?$/.test(url);
  const code = isTyped ? withoutTypes(original, url) : original;
  const parsed = code === undefined ? undefined : moduleWords(code);
  return code === undefined || parsed === undefined ? undefined : new UserFile(url, original, code, parsed);
}

export class UserFile {
  readonly url: string;
  /** URLs of files that it imports. */
  readonly imports: readonly string[];
  readonly #original: string;
  readonly #code: string;
  readonly #words: readonly Word[];
  readonly #functions: readonly (readonly [number, number])[];

  constructor(
    url: string,
    original: string,
    code: string,
    { program, words }: NonNullable<ReturnType<typeof moduleWords>>,
  ) {
    this.url = url;
    this.#original = original;
    this.#code = code;
    this.#words = words;
    this.#functions = functionsIn(program);
    this.imports = program.body.flatMap((node) => {
      const source = "source" in node ? node.source?.value : undefined;
      return typeof source === "string" && /^(\.|file:)/.test(source) ? [new URL(source, url).href] : [];
    });
  }

  /** Which word begins the function that has exactly this row of words, the nearest to a line; -1 if there is none. */
  wordOfFunction(row: readonly string[], line: number): number {
    let best = -1, distance = Infinity;
    for (const [start, end] of this.#functions) {
      const from = this.#firstWord(start);
      if (!this.#isRow(row, from, end)) continue;
      const away = Math.abs(this.#lineOf(start) - line);
      if (away < distance) [best, distance] = [from, away];
    }
    return best;
  }

  /** The first word from an offset on, which may be one behind the last. */
  #firstWord(offset: number): number {
    let low = 0, high = this.#words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#words[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isRow(row: readonly string[], from: number, end: number): boolean {
    if ((this.#words[from + row.length]?.start ?? Infinity) < end) return false;
    return row.every((word, i) => this.#words[from + i]?.word === word);
  }

  #lineOf(offset: number): number {
    return this.#code.slice(0, offset).split("\n").length;
  }

  /** Where a word is in the file as the user wrote it. */
  placeOfWord(index: number): { readonly line: number; readonly column: number } {
    const start = this.#words[index]?.start ?? 0;
    const line = this.#lineOf(start);
    const lineStart = this.#code.lastIndexOf("\n", start - 1) + 1;
    const column = start - lineStart;
    if (this.#code === this.#original) return { line, column: column + 1 };
    const bare = this.#code.slice(lineStart).split("\n", 1)[0] ?? "";
    return { line, column: typedColumn(this.#original.split("\n")[line - 1] ?? "", bare, column) + 1 };
  }
}

const WORD = /[\p{ID_Continue}$]+/gu;

/** The column in a line with types of what is at a column of the line without: its words are among the other's, in order. */
function typedColumn(typed: string, bare: string, column: number): number {
  const words = typed.matchAll(WORD);
  let at = 0;
  for (const { 0: word, index } of bare.matchAll(WORD)) {
    if (index > column) break;
    let next = words.next();
    while (next.done !== true && next.value[0] !== word) next = words.next();
    if (next.done === true) return at;
    at = next.value.index;
  }
  return at;
}
