/**
 * What a cursor in a text points to: the path of names before it, and what is being typed. For completion and inspection. Positions are
 * UTF-16 units here; the wire counts code points (`toUnits`, `toPoints`).
 */
import { type Token, tokensOf } from "./code_lexer.ts";
import type { Path, Step } from "./reflection.ts";

/** What is to be completed. */
export interface Typed {
  readonly path: Path;
  /** From here to the cursor is what was typed of the last part. */
  readonly start: number;
  readonly prefix: string;
  /** A name that may be a keyword too; a property behind a dot; a key in brackets, with its quote. */
  readonly kind: "name" | "property" | "key";
  readonly quote: string;
}

const WINDOW = 32 << 10;
/** Of what stands behind the cursor only the rest of a name matters. */
const MAX_NAME = 200;
/** A longer path is no longer one that somebody asks for. */
const MAX_STEPS = 100;
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
const LITERALS = { text: "string", template: "string", number: "number", regexp: "regexp" } as const;

/** Units before a position in code points; beyond either end it is that end. */
export function toUnits(code: string, points: number): number {
  let at = 0;
  for (let left = points; left > 0 && at < code.length; left--) at += code.codePointAt(at)! > 0xffff ? 2 : 1;
  return at;
}

/** Code points before a position in units. */
export function toPoints(code: string, units: number): number {
  let points = 0;
  for (let at = 0; at < units; points++) at += code.codePointAt(at)! > 0xffff ? 2 : 1;
  return points;
}

/** What stands before the cursor, null if nothing there can be completed: inside a comment, a text or behind a number. */
export function typedAt(code: string, cursor: number): Typed | null {
  const from = windowStart(code, cursor);
  const typed = typedIn(code.slice(from, cursor));
  return typed === null ? null : { ...typed, start: typed.start + from };
}

/** Of a long text only the lines before the cursor are looked at. */
function windowStart(code: string, cursor: number): number {
  if (cursor <= WINDOW) return 0;
  const line = code.indexOf("\n", cursor - WINDOW);
  return line < 0 || line >= cursor ? cursor - WINDOW : line + 1;
}

function typedIn(before: string): Typed | null {
  const cursor = before.length;
  const all = tokensOf(before);
  const last = all.at(-1);
  if (last === undefined) return name(null, cursor, "");
  const touches = last.end === cursor;
  if (touches && !last.isClosed) return last.kind === "text" ? keyAt(before, all) : null;
  const tokens = all.filter(({ kind }) => kind !== "comment");
  const end = tokens.at(-1);
  if (end === undefined) return name(null, cursor, "");
  if (end.kind === "number" && touches && end === last) return null;
  const typed = end.kind === "name" && touches && end === last ? end : null;
  const rest = typed === null ? tokens : tokens.slice(0, -1);
  const prefix = typed === null ? "" : before.slice(typed.start, typed.end);
  const start = typed?.start ?? cursor;
  const mark = textOf(before, rest.at(-1));
  if (mark === "." || mark === "?.") {
    const path = pathOf(before, rest.slice(0, -1));
    return path === null ? null : { path, start, prefix, kind: "property", quote: "" };
  }
  return prefix === "" || NAME.test(prefix) ? name(null, start, prefix) : null;
}

function name(root: string | null, start: number, prefix: string): Typed {
  return { path: { root, literal: null, steps: null }, start, prefix, kind: "name", quote: "" };
}

/** Inside `a.b["c`: the key that is being typed. */
function keyAt(code: string, tokens: readonly Token[]): Typed | null {
  const text = tokens.at(-1)!;
  const rest = tokens.slice(0, -1).filter(({ kind }) => kind !== "comment");
  if (textOf(code, rest.at(-1)) !== "[") return null;
  const path = pathOf(code, withoutOptional(code, rest.slice(0, -1)));
  const prefix = code.slice(text.start + 1, text.end);
  if (path === null || path.literal !== null || prefix.includes("\\")) return null;
  return { path, start: text.start + 1, prefix, kind: "key", quote: code[text.start]! };
}

/** The path that the tokens end with, null if their last part is something that would have to run. */
function pathOf(code: string, tokens: readonly Token[]): Path | null {
  let steps: Step | null = null;
  for (let at = tokens.length - 1, count = 0; at >= 0 && count < MAX_STEPS; at--, count++) {
    const token = tokens[at]!, text = textOf(code, token);
    const isBehindDot = /^\??\.$/.test(textOf(code, tokens[at - 1]));
    if (token.kind === "name") {
      const part = text.startsWith("#") ? null : text;
      if (part === null) return null;
      if (!isBehindDot) return root(part, steps);
      steps = { key: part, next: steps };
      at--;
    } else if (text === "]") {
      const key = keyOf(code, tokens.slice(Math.max(0, at - 2), at + 1));
      if (key === null) return null;
      steps = { key, next: steps };
      // Behind the loop's own step stands what has the key.
      at -= textOf(code, tokens[at - 3]) === "?." ? 3 : 2;
    } else if (
      token.kind in LITERALS && token.isClosed && !(token.kind === "template" && !text.startsWith("`"))
    ) {
      return { root: null, literal: LITERALS[token.kind as keyof typeof LITERALS], steps };
    } else return null;
  }
  return null;
}

function root(name: string, steps: Step | null): Path {
  return { root: name === "this" ? "globalThis" : name, literal: null, steps };
}

/** The key of `["key"]` or `[0]`. */
function keyOf(code: string, [open, key]: readonly Token[]): string | null {
  if (open === undefined || key === undefined || textOf(code, open) !== "[") return null;
  const text = textOf(code, key);
  if (key.kind === "number") return /^\d+$/.test(text) ? text : null;
  if (key.kind !== "text" && key.kind !== "template" || !key.isClosed || text.includes("\\")) return null;
  return text.endsWith("${") || text.startsWith("}") ? null : text.slice(1, -1);
}

function withoutOptional(code: string, tokens: readonly Token[]): readonly Token[] {
  return textOf(code, tokens.at(-1)) === "?." ? tokens.slice(0, -1) : tokens;
}

/** The path that the cursor stands in or behind; else that of the function whose arguments it stands in. */
export function pathAt(whole: string, at: number): Path | null {
  const from = windowStart(whole, at);
  return pathIn(whole.slice(from, at + MAX_NAME), at - from);
}

function pathIn(code: string, cursor: number): Path | null {
  const tokens = tokensOf(code).filter(({ kind }) => kind !== "comment");
  const at = tokens.findLastIndex(({ kind, start, end }) =>
    kind === "name" && start <= cursor && cursor <= end
  );
  if (at >= 0) return pathOf(code, tokens.slice(0, at + 1));
  const before = tokens.filter(({ end }) => end <= cursor);
  const callee = calleeOf(code, before);
  return callee < 0 ? null : pathOf(code, before.slice(0, callee + 1));
}

/** Index of the token before the innermost bracket that is open at the end, −1 if that is no call. */
function calleeOf(code: string, tokens: readonly Token[]): number {
  let depth = 0;
  for (let at = tokens.length - 1; at >= 0; at--) {
    if (tokens[at]!.kind !== "mark") continue;
    const text = textOf(code, tokens[at]);
    if (/^[)\]}]$/.test(text)) depth++;
    else if (/^[([{]$/.test(text) && depth-- === 0) return text === "(" ? at - 1 : -1;
  }
  return -1;
}

function textOf(code: string, token: Token | undefined): string {
  return token === undefined ? "" : code.slice(token.start, token.end);
}
