/**
 * Shell patterns as Python's `fnmatch` reads them: `*`, `?`, `[seq]`, `[!seq]`, over the whole text, by code points. Not by a regular
 * expression: with several `*` that can take a time that no bound holds, and patterns come from outside.
 */

type Range = readonly [first: number, last: number];

type Token =
  | { readonly kind: "many" }
  | { readonly kind: "one" }
  | { readonly kind: "char"; readonly code: number }
  | { readonly kind: "set"; readonly ranges: readonly Range[]; readonly isNegated: boolean };

/** A function that says whether a text fits the pattern. Takes at most pattern × text steps. */
export function glob(pattern: string): (text: string) => boolean {
  const tokens = tokensOf([...pattern]);
  return (text) => fits(tokens, text);
}

function tokensOf(chars: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    const end = char === "[" ? endOfSet(chars, i) : -1;
    if (char === "*") {
      if (tokens.at(-1)?.kind !== "many") tokens.push({ kind: "many" });
    } else if (char === "?") tokens.push({ kind: "one" });
    else if (end < 0) tokens.push({ kind: "char", code: char.codePointAt(0)! });
    else {
      tokens.push(setOf(chars.slice(i + 1, end)));
      i = end;
    }
  }
  return tokens;
}

/** Where the set that begins at `from` ends, or −1: a `]` right at its start belongs to it. */
function endOfSet(chars: readonly string[], from: number): number {
  const first = chars[from + 1] === "!" ? from + 2 : from + 1;
  return chars.indexOf("]", first + 1);
}

function setOf(inside: readonly string[]): Token {
  const isNegated = inside[0] === "!";
  const ranges: Range[] = [];
  for (let i = isNegated ? 1 : 0; i < inside.length; i++) {
    const first = inside[i]!.codePointAt(0)!;
    const isRange = inside[i + 1] === "-" && i + 2 < inside.length;
    // A range that runs backwards holds nothing.
    ranges.push([first, isRange ? inside[i + 2]!.codePointAt(0)! : first]);
    if (isRange) i += 2;
  }
  return { kind: "set", ranges, isNegated };
}

/** Goes back to the last `*` only: what an earlier one could take, the last one can take too. */
function fits(tokens: readonly Token[], text: string): boolean {
  let token = 0, at = 0, star = -1, starAt = 0;
  while (at < text.length) {
    const code = text.codePointAt(at)!;
    const wanted = tokens[token];
    if (wanted?.kind === "many") {
      star = token++;
      starAt = at;
    } else if (wanted && takes(wanted, code)) {
      token++;
      at += width(code);
    } else if (star >= 0) {
      starAt += width(text.codePointAt(starAt)!);
      at = starAt;
      token = star + 1;
    } else return false;
  }
  while (tokens[token]?.kind === "many") token++;
  return token === tokens.length;
}

function takes(token: Token, code: number): boolean {
  if (token.kind === "char") return token.code === code;
  if (token.kind !== "set") return true;
  return token.ranges.some(([first, last]) => first <= code && code <= last) !== token.isNegated;
}

function width(code: number): 1 | 2 {
  return code > 0xffff ? 2 : 1;
}
