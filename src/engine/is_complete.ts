/**
 * Whether a text is a whole cell, by the parsers that cells go through themselves. Nothing of it is run. Answered at the host, since a
 * front-end does not wait for the cell that runs; under a limit of time, since some texts take parsers very long.
 */
import { runInThisContext } from "node:vm";
import { parseCell, stripTypes } from "./cell_tools.ts";
import { type Token, tokensOf } from "./code_lexer.ts";

/** The content of an `is_complete_reply`. */
export type Completeness =
  | { readonly status: "complete" | "invalid" | "unknown" }
  | { readonly status: "incomplete"; readonly indent: string };

/** A parser that takes longer is stopped. */
const PATIENCE_MS = 400;
const MAX_CHARACTERS = 256 << 10;
const INDENT = "  ";
const UNKNOWN: Completeness = { status: "unknown" };
/** Where the work lies while it runs under the limit, which only holds for code that is run by its text. */
const WORK = Symbol.for("tsparallel.work");
const RUN = `globalThis[Symbol.for("tsparallel.work")]()`;

/** Says whether front-ends shall run the text, or let the user go on. */
export function isComplete(code: string): Completeness {
  if (code.length > MAX_CHARACTERS) return UNKNOWN;
  return withinTime(() => judge(code)) ?? UNKNOWN;
}

function withinTime<T>(work: () => T): T | null {
  const place = globalThis as unknown as Record<symbol, unknown>;
  place[WORK] = work;
  try {
    return runInThisContext(RUN, { timeout: PATIENCE_MS }) as T;
  } catch {
    // The time is over, or the parser's stack is.
    return null;
  } finally {
    delete place[WORK];
  }
}

function judge(code: string): Completeness {
  const tokens = tokensOf(code);
  const open = openBrackets(code, tokens);
  if (open === null) return { status: "invalid" };
  const last = tokens.at(-1);
  if (last !== undefined && !last.isClosed && isUnfinished(code, last)) {
    return { status: "incomplete", indent: "" };
  }
  if (open > 0) return { status: "incomplete", indent: INDENT.repeat(Math.min(open, 20)) };
  return isWhole(code, tokens);
}

/** A line comment is over with its line, and a text in quotes may not go on in the next one, unless its end is escaped. */
function isUnfinished(code: string, { kind, start, end }: Token): boolean {
  if (kind === "comment") return code.startsWith("/*", start);
  if (kind === "template") return true;
  return end === code.length && code.endsWith("\\");
}

/** How many brackets are open at the end; null if one closes what was not opened. */
function openBrackets(code: string, tokens: readonly Token[]): number | null {
  const open: string[] = [];
  for (const { kind, start, end } of tokens) {
    const text = code.slice(start, end);
    if (kind === "template") {
      if (text.startsWith("}") && open.pop() !== "}") return null;
      if (text.endsWith("${")) open.push("}");
    }
    if (kind !== "mark") continue;
    const closing = CLOSING[text];
    if (closing !== undefined) open.push(closing);
    else if (/^[)\]}]$/.test(text) && open.pop() !== text) return null;
  }
  return open.length;
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Asks the parsers. One that gives up behind the last token wants more; anywhere else nothing that follows helps. */
function isWhole(code: string, tokens: readonly Token[]): Completeness {
  let text = code;
  try {
    text = stripTypes(code);
    if (isHeadOnly(code, tokens)) return { status: "incomplete", indent: indentOf(code) };
    // Acorn knows no decorators.
    if (!tokens.some(({ kind, start }) => kind === "name" && code[start] === "@")) parseCell(text);
    return { status: "complete" };
  } catch (error) {
    if (!(error instanceof Error) || !wantsMore(error, text)) return { status: "invalid" };
    return { status: "incomplete", indent: indentOf(code) };
  }
}

/** Whether the text ends with a function's head. To TypeScript that is an overload, but hardly to the one who types it. */
function isHeadOnly(code: string, tokens: readonly Token[]): boolean {
  const text = (at: number) => at < 0 ? "" : code.slice(tokens[at]!.start, tokens[at]!.end);
  const head = tokens.findLastIndex((_, at) => text(at) === "function");
  const before = text(head - 1) === "async" ? text(head - 2) : text(head - 1);
  if (head < 0 || before === "declare" || before === ".") return false;
  let depth = 0;
  for (let at = head + 1; at < tokens.length; at++) {
    const mark = text(at);
    if (depth === 0 && (mark === "{" || mark === ";")) return false;
    if (/^[([{]$/.test(mark)) depth++;
    else if (/^[)\]}]$/.test(mark) && depth-- === 0) return false;
  }
  return true;
}

function wantsMore(error: Error, text: string): boolean {
  const end = tokensOf(text).findLast(({ kind }) => kind !== "comment")?.end ?? 0;
  // This one names the place of its `try`.
  if (error.message.startsWith("Missing catch or finally")) return text[end - 1] === "}";
  const place = (error as { readonly pos?: unknown }).pos;
  return typeof place === "number" && place >= end;
}

/** The last line's own indent; a line that cannot end here indents what follows. */
function indentOf(code: string): string {
  const line = code.trimEnd().split("\n").at(-1) ?? "";
  return (/^\s*/.exec(line)?.[0] ?? "") + INDENT;
}
