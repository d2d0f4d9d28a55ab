/**
 * TypeScript as far as a front-end's question needs it: where names, texts, comments and brackets are. It never fails: what is no TypeScript
 * gives some tokens or other.
 */

/** `end` is behind the last character. A text that is not closed has no `isClosed`. */
export interface Token {
  readonly kind: "name" | "number" | "text" | "template" | "regexp" | "comment" | "mark";
  readonly start: number;
  readonly end: number;
  readonly isClosed: boolean;
}

const SPACE = /\s+/y;
const NAME = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const LINE_COMMENT = /\/\/[^\n]*/y;
const FLAGS = /[a-z]+/y;
const MARK = /\?\.(?!\d)|\.\.\.|=>|[^]/uy;
/** A longer regular expression is not seen as one: each slash would be looked at to the end of a line without end. */
const MAX_REGEXP = 300;
/** Behind these a slash begins a regular expression, although they are names. */
const BEFORE_VALUE = new Set(
  ["return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "throw", "new", "await", "yield"],
);

/** The tokens of a text. Those inside `${…}` of a template are tokens too. */
export function tokensOf(code: string): Token[] {
  const lexer = new Lexer(code);
  lexer.run();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly #code: string;
  #at = 0;
  /** For each open `${`: how many braces are open inside. */
  readonly #templates: number[] = [];

  constructor(code: string) {
    this.#code = code;
  }

  run(): void {
    while (this.#at < this.#code.length) this.#next();
  }

  #next(): void {
    const c = this.#code[this.#at]!;
    if (this.#skip(SPACE)) return;
    if (c === '"' || c === "'") return this.#text(c);
    if (c === "`") return this.#template(this.#at);
    if (this.#code.startsWith("//", this.#at)) return void this.#take("comment", LINE_COMMENT, false);
    if (this.#code.startsWith("/*", this.#at)) return this.#block();
    if (c === "/" && this.#isBeforeValue() && this.#regexp()) return;
    if (this.#take("name", NAME) || this.#take("number", NUMBER)) return;
    if (c === "}" && this.#templates.at(-1) === 0) {
      this.#templates.pop();
      return this.#template(this.#at);
    }
    const { length } = this.#templates;
    if (length > 0 && c === "{") this.#templates[length - 1]!++;
    if (length > 0 && c === "}") this.#templates[length - 1]!--;
    this.#take("mark", MARK);
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#code)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #take(kind: Token["kind"], pattern: RegExp, isClosed = true): boolean {
    const start = this.#at;
    if (!this.#skip(pattern)) return false;
    this.#push(kind, start, isClosed);
    return true;
  }

  #push(kind: Token["kind"], start: number, isClosed: boolean): void {
    this.tokens.push({ kind, start, end: this.#at, isClosed });
  }

  #text(quote: string): void {
    const start = this.#at++;
    for (; this.#at < this.#code.length; this.#at++) {
      const c = this.#code[this.#at];
      if (c === "\\") this.#at++;
      else if (c === quote) {
        this.#at++;
        return this.#push("text", start, true);
      } else if (c === "\n") break;
    }
    this.#at = Math.min(this.#at, this.#code.length);
    this.#push("text", start, false);
  }

  /** From a backtick or the `}` that ends an expression, to the end or the next `${`. */
  #template(start: number): void {
    for (this.#at++; this.#at < this.#code.length; this.#at++) {
      const c = this.#code[this.#at];
      if (c === "\\") this.#at++;
      else if (c === "`") {
        this.#at++;
        return this.#push("template", start, true);
      } else if (c === "$" && this.#code[this.#at + 1] === "{") {
        this.#at += 2;
        this.#templates.push(0);
        return this.#push("template", start, true);
      }
    }
    this.#at = Math.min(this.#at, this.#code.length);
    this.#push("template", start, false);
  }

  #block(): void {
    const start = this.#at, end = this.#code.indexOf("*/", start + 2);
    this.#at = end < 0 ? this.#code.length : end + 2;
    this.#push("comment", start, end >= 0);
  }

  #regexp(): boolean {
    const start = this.#at, limit = Math.min(this.#code.length, start + MAX_REGEXP);
    let isInClass = false;
    for (let at = start + 1; at < limit; at++) {
      const c = this.#code[at];
      if (c === "\n") return false;
      if (c === "\\") at++;
      else if (c === "[") isInClass = true;
      else if (c === "]") isInClass = false;
      else if (c === "/" && !isInClass) {
        this.#at = at + 1;
        this.#skip(FLAGS);
        this.#push("regexp", start, true);
        return true;
      }
    }
    return false;
  }

  #isBeforeValue(): boolean {
    const last = this.tokens.findLast(({ kind }) => kind !== "comment");
    if (last === undefined) return true;
    const text = this.#code.slice(last.start, last.end);
    if (last.kind === "name") return BEFORE_VALUE.has(text);
    return last.kind === "mark" && !/^[)\]}]$/.test(text) || last.kind === "template" && text.endsWith("${");
  }
}
