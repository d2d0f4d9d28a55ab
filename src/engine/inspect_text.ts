/**
 * What a front-end shows of a value: its signature if it can be called, what it is, its parts. Made at the host, from the plain facts that
 * the Worker found.
 */
import { tokensOf } from "./code_lexer.ts";
import type { Described, ShortValue } from "./reflection.ts";

const MAX_STRING = 80;

/** The text of an inspection. */
export function inspectText(name: string, described: Described, detail: number): string {
  const lines = described.type === "function"
    ? callableLines(name, described, detail)
    : [valueLine(name, described)];
  if (described.parts.length > 0) lines.push(...partLines(described));
  return lines.join("\n");
}

function valueLine(name: string, { type, text }: ShortValue): string {
  const value = type === "string" ? quoted(text) : text;
  const shown = value === "" || value === type ? "" : ` = ${value}`;
  return `${name}: ${type}${shown}`;
}

function callableLines(name: string, described: Described, detail: number): string[] {
  const { source, length } = described;
  const isNative = source.endsWith("{ [native code] }");
  const isClass = /^class\b/.test(source);
  const parameters = isNative ? nativeParameters(length) : parametersOf(source, isClass);
  const what = isClass ? "class" : kindOf(source);
  const base = isClass ? /^class\s*[\w$]*\s+extends\s+([\w$.]+)/.exec(source)?.[1] : undefined;
  const head = `${what} ${name}${parameters}${base === undefined ? "" : ` extends ${base}`}`;
  if (isNative) return [`${head}  (of the runtime)`];
  return detail > 0 ? [head, "", source] : [head];
}

function kindOf(source: string): string {
  const isAsync = /^(?:static\s+)?async\b/.test(source);
  const isGenerator = /^(?:async\s+)?(?:function\s*)?\*/.test(source);
  return `${isAsync ? "async " : ""}function${isGenerator ? "*" : ""}`;
}

function nativeParameters(length: number): string {
  const names = Array.from({ length: Math.min(Math.max(length, 0), 20) }, (_, i) => `arg${i + 1}`);
  return `(${names.join(", ")})`;
}

/** The parameters in a function's text with their brackets; a class's are its constructor's. */
function parametersOf(source: string, isClass: boolean): string {
  const tokens = tokensOf(source).filter(({ kind }) => kind !== "comment");
  const text = (at: number) =>
    at < 0 || at >= tokens.length ? "" : source.slice(tokens[at]!.start, tokens[at]!.end);
  let open = -1;
  for (let at = 0, depth = 0; at < tokens.length && open < 0; at++) {
    const mark = text(at);
    const isStart = isClass ? depth === 1 && text(at - 1) === "constructor" : depth === 0;
    if (mark === "(" && isStart) open = at;
    else if (mark === "=>" && depth === 0) return `(${text(at - 1)})`;
    else if (/^[([{]$/.test(mark) || mark.endsWith("${")) depth++;
    else if (/^[)\]}]$/.test(mark)) depth--;
  }
  if (open < 0) return "()";
  let end = open;
  for (let depth = 0; end < tokens.length; end++) {
    if (/^[([{]$/.test(text(end))) depth++;
    else if (/^[)\]}]$/.test(text(end)) && --depth === 0) break;
  }
  const last = tokens[Math.min(end, tokens.length - 1)]!;
  return source.slice(tokens[open]!.start, last.end).replace(/\s+/g, " ");
}

function partLines({ parts, isCut, type }: Described): string[] {
  const isList = /\(\d+\)$/.test(type);
  const lines = parts.map(([name, value]) => `  ${isList ? `[${name}]` : name}: ${partText(value)}`);
  return isCut ? [...lines, "  …"] : lines;
}

function partText({ type, text }: ShortValue): string {
  if (type === "string") return quoted(text);
  if (type === "function") return `[Function ${text === "" ? "(anonymous)" : text}]`;
  return text === "" ? type : text;
}

function quoted(text: string): string {
  return text.length > MAX_STRING ? `${JSON.stringify(text.slice(0, MAX_STRING))}…` : JSON.stringify(text);
}
