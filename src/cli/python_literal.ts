/**
 * Python's literals, as they stand in configuration files and on ipcontroller's command line: texts, numbers, True, False, None, lists,
 * tuples, dictionaries, and `range(…)` of numbers. Nothing is ever run; what is no literal is refused.
 */

/** A literal's value. Bytes are texts here: they hold keys and names in ASCII. */
export type Literal = string | number | boolean | null | readonly Literal[] | {
  readonly [key: string]: Literal;
};

/** Text that is no literal. */
export class NotALiteral extends Error {
  override readonly name = "NotALiteral";
}

/** A literal in a text, and where it ends. */
export interface Found {
  readonly value: Literal;
  readonly end: number;
}

const SPACE = /(?:[ \t\f]|\\\r?\n)*/y;
/** Within brackets lines may end, and comments stand. */
const WIDE_SPACE = /(?:[\s]|#[^\n]*|\\\r?\n)*/y;
const STRING =
  /([rbuRBU]{0,2})("""[^]*?(?<!\\)"""|'''[^]*?(?<!\\)'''|"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')/y;
const NUMBER =
  /[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])/y;
const WORD = /(?:True|False|None)(?!\w)/y;
const RANGE = /range(?=\()/y;
const WORDS: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };
const MAX_RANGE = 65_536;
const MAX_DEPTH = 32;

/**
 * A whole text as one literal.
 * @throws NotALiteral
 */
export function pythonLiteral(text: string): Literal {
  const { value, end } = literalAt(text, 0);
  if (text.slice(end).trim() !== "") throw new NotALiteral(`"${text.slice(end).trim()}" follows a literal`);
  return value;
}

/**
 * The literal that begins at `from`, spaces before it skipped.
 * @throws NotALiteral
 */
export function literalAt(text: string, from: number): Found {
  return new Reader(text).value(from, 0);
}

class Reader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  value(from: number, depth: number): Found {
    if (depth > MAX_DEPTH) throw new NotALiteral("too deeply nested");
    const at = this.#skip(depth === 0 ? SPACE : WIDE_SPACE, from);
    switch (this.#text[at]) {
      case "[":
        return this.#list(at, "]", depth);
      case "(":
        return this.#tuple(at, depth);
      case "{":
        return this.#dictionary(at, depth);
    }
    return this.#string(at, depth) ?? this.#word(at) ?? this.#number(at) ?? this.#range(at, depth) ??
      this.#refuse(at);
  }

  #refuse(at: number): never {
    const rest = this.#text.slice(at).split("\n", 1)[0] ?? "";
    throw new NotALiteral(rest === "" ? "nothing is there" : `"${rest.slice(0, 60)}" is no plain value`);
  }

  #skip(pattern: RegExp, at: number): number {
    return at + (this.#match(pattern, at)?.[0].length ?? 0);
  }

  #match(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#text);
  }

  #word(at: number): Found | undefined {
    const [word] = this.#match(WORD, at) ?? [];
    return word === undefined ? undefined : { value: WORDS[word] ?? null, end: at + word.length };
  }

  #number(at: number): Found | undefined {
    const [digits] = this.#match(NUMBER, at) ?? [];
    if (digits === undefined) return undefined;
    const sign = digits.startsWith("-") ? -1 : 1;
    return { value: sign * Number(digits.replace(/^[+-]/, "").replaceAll("_", "")), end: at + digits.length };
  }

  /** Texts that stand beside one another are one. */
  #string(at: number, depth: number): Found | undefined {
    let value: string | undefined;
    for (let end = at;;) {
      const next = value === undefined ? end : this.#skip(depth === 0 ? SPACE : WIDE_SPACE, end);
      const [whole, prefix = "", quoted = ""] = this.#match(STRING, next) ?? [];
      if (whole === undefined) return value === undefined ? undefined : { value, end };
      const quotes = /^("""|''')/.test(quoted) ? 3 : 1;
      const body = quoted.slice(quotes, -quotes);
      value = (value ?? "") + (/r/i.test(prefix) ? body : unescaped(body));
      end = next + whole.length;
    }
  }

  #list(at: number, close: string, depth: number): Found & { readonly hasComma: boolean } {
    const items: Literal[] = [];
    let hasComma = false;
    for (let end = this.#skip(WIDE_SPACE, at + 1);;) {
      if (this.#text[end] === close) return { value: items, end: end + 1, hasComma };
      if (items.length > 0 && !hasComma) this.#refuse(end);
      const item = this.value(end, depth + 1);
      items.push(item.value);
      end = this.#skip(WIDE_SPACE, item.end);
      hasComma = this.#text[end] === ",";
      if (hasComma) end = this.#skip(WIDE_SPACE, end + 1);
      else if (this.#text[end] !== close) this.#refuse(end);
    }
  }

  /** `(1)` is a number, `(1,)` a tuple. */
  #tuple(at: number, depth: number): Found {
    const { value, end, hasComma } = this.#list(at, ")", depth);
    const [only, ...others] = Array.isArray(value) ? value : [];
    return only !== undefined && others.length === 0 && !hasComma ? { value: only, end } : { value, end };
  }

  #dictionary(at: number, depth: number): Found {
    const entries: [string, Literal][] = [];
    for (let end = this.#skip(WIDE_SPACE, at + 1);;) {
      if (this.#text[end] === "}") return { value: Object.fromEntries(entries), end: end + 1 };
      const key = this.value(end, depth + 1);
      const colon = this.#skip(WIDE_SPACE, key.end);
      if (this.#text[colon] !== ":") this.#refuse(colon);
      const item = this.value(colon + 1, depth + 1);
      entries.push([String(key.value), item.value]);
      end = this.#skip(WIDE_SPACE, item.end);
      if (this.#text[end] === ",") end = this.#skip(WIDE_SPACE, end + 1);
      else if (this.#text[end] !== "}") this.#refuse(end);
    }
  }

  #range(at: number, depth: number): Found | undefined {
    const [word] = this.#match(RANGE, at) ?? [];
    if (word === undefined) return undefined;
    const { value, end } = this.#list(at + word.length, ")", depth);
    const numbers = Array.isArray(value) ? value : [];
    const isRange = numbers.length >= 1 && numbers.length <= 3 &&
      numbers.every((item) => typeof item === "number" && Number.isInteger(item));
    if (!isRange) this.#refuse(at);
    return { value: rangeOf(numbers.map(Number)), end };
  }
}

function rangeOf(numbers: readonly number[]): number[] {
  const [first = 0, second, step = 1] = numbers;
  const [from, to] = second === undefined ? [0, first] : [first, second];
  const count = step === 0 ? NaN : Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MAX_RANGE)) throw new NotALiteral("a range without an end, or of too many numbers");
  return Array.from({ length: count }, (_, i) => from + i * step);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

function unescaped(body: string): string {
  return body.replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|[^])/g, (whole, escape: string) => {
    if (escape.length > 1) return String.fromCharCode(parseInt(escape.slice(1), 16));
    return ESCAPES[escape] ?? whole;
  });
}
