/**
 * Names that this client has seen come into engines' namespaces: pushed, scattered, or words of code that it had executed. A function that uses a name
 * which is none of these would only fail on the engine, so it is not sent.
 */
import { UnresolvedName } from "../protocol/errors.ts";
import type { FreeName } from "./free_variables.ts";

/** A name that a function takes from where it runs. */
export interface NameUse extends FreeName {
  /** The function's name and text. */
  readonly owner: string;
  readonly source: string;
}

/** Most names, and pieces of code that were not looked at yet. Beyond the first, every name counts as known. */
const MAX_NAMES = 100_000;
const MAX_CODES = 256;

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;

export class KnownNames {
  readonly #names = new Set<string>();
  /** Executed code whose words are taken when somebody asks. */
  readonly #codes = new Set<string>();

  /** These are set in a namespace. */
  add(names: readonly string[]): void {
    if (this.#names.size >= MAX_NAMES) return;
    for (const name of names) this.#names.add(name);
  }

  /** This runs in a namespace and may set any name that is a word of it. */
  addCode(code: string): void {
    this.#codes.add(code);
    if (this.#codes.size > MAX_CODES) this.#read();
  }

  /** @throws UnresolvedName for the first name that is not known */
  check(uses: readonly NameUse[]): void {
    for (const use of uses) if (!this.#knows(use.name)) throw unresolved(use);
  }

  #knows(name: string): boolean {
    if (this.#names.has(name) || this.#names.size >= MAX_NAMES) return true;
    if (this.#codes.size === 0) return false;
    this.#read();
    return this.#names.has(name) || this.#names.size >= MAX_NAMES;
  }

  #read(): void {
    for (const code of this.#codes) {
      for (const [word] of code.matchAll(WORD)) {
        if (this.#names.size >= MAX_NAMES) break;
        this.#names.add(word);
      }
    }
    this.#codes.clear();
  }
}

/** Characters of a line that are shown before and behind the name. */
const SHOWN = 70;

function unresolved({ name, line, column, owner, source }: NameUse): UnresolvedName {
  const text = source.split("\n")[line - 1] ?? "";
  const from = Math.max(0, column - 1 - SHOWN);
  const shown = text.slice(from, column - 1 + SHOWN).replaceAll("\t", " ");
  const what = owner === "" ? "the function" : `function "${owner}"`;
  const message = `Cannot send ${what}: it uses "${name}" (line ${line}, column ${column} of its text), ` +
    "which it would not find on an engine: functions travel as their text\n" +
    `    ${shown}\n    ${" ".repeat(column - 1 - from)}${"^".repeat(Math.min(name.length, SHOWN))}\n` +
    `  Take the value along with task(fn, { captures: { ${name} } }); or, if it is in the engine's namespace, ` +
    `push it first, or say so with task(fn, { namespace: ["${name}"] })`;
  return new UnresolvedName(message, { variable: name, line, column });
}
