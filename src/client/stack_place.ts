/**
 * Where a place in a function's text is in the user's files. Engines get what is left of a function when its types are gone, with spaces of its own; what both
 * have in common is the row of names and keywords. The function with the same row is looked for in the files from which it was sent, and in what they import.
 */
import { wordsOf } from "./code_words.ts";
import type { SourceText } from "./function_source.ts";
import { type UserFile, userFile } from "./user_files.ts";

/** Both count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Most files that are looked through for one function. */
const MAX_FILES = 32;
/** Functions whose places are remembered. */
const MAX_FOUND = 256;

interface Found {
  readonly file: UserFile;
  /** Which of the file's words is the function's first. */
  readonly from: number;
  /** Where the function's own words begin in its text. */
  readonly starts: readonly number[];
}

const known = new Map<string, Found | null>();

/** `file:///a/run.ts:3:14`; undefined if the function is in no file that can be read. */
export function placeInFile(text: SourceText, at: TextPlace): string | undefined {
  let found = known.get(text.script);
  if (found === undefined) {
    if (known.size >= MAX_FOUND) known.clear();
    known.set(text.script, found = find(text) ?? null);
  }
  if (found === null) return undefined;
  const offset = offsetOf(text.source, at);
  const word = Math.max(0, found.starts.findLastIndex((start) => start <= offset));
  const { line, column } = found.file.placeOfWord(found.from + word);
  return `${found.file.url}:${line}:${column}`;
}

function find(text: SourceText): Found | undefined {
  const words = wordsOf(text.source);
  if (words === undefined || words.length === 0) return undefined;
  const row = words.map(({ word }) => word);
  const lines = new Map<string, number>();
  for (const site of text.sites) {
    const [, url = "", line = "0"] = /^(.*):(\d+):\d+$/.exec(site) ?? [];
    if (!lines.has(url)) lines.set(url, Number(line));
  }
  const urls = new Set(lines.keys());
  for (const url of urls) {
    const file = userFile(url);
    const from = file?.wordOfFunction(row, lines.get(url) ?? 0) ?? -1;
    if (file !== undefined && from >= 0) return { file, from, starts: words.map(({ start }) => start) };
    for (const imported of file?.imports ?? []) if (urls.size < MAX_FILES) urls.add(imported);
  }
  return undefined;
}

function offsetOf(source: string, { line, column }: TextPlace): number {
  let offset = 0;
  for (let i = 1; i < line; i++) offset = source.indexOf("\n", offset) + 1;
  return offset + column - 1;
}
