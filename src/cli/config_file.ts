/**
 * The profile's `ipcontroller_config.py` and `.json` (`ipengine_config` for engines): lines `c.Class.trait = literal` are read as settings.
 * Nothing of such a file is ever run; what is not such a line is named once and has no effect.
 */
import { OptionError } from "../base/options.ts";
import { type Literal, literalAt, NotALiteral } from "./python_literal.ts";
import { meaningOf, type Setting, type TraitRow } from "./traits.ts";

/** What a program's configuration says. */
export interface Configuration {
  readonly settings: readonly Setting[];
  /** Traits that nothing here corresponds to. */
  readonly unmapped: readonly string[];
  /** Lines that could not be read, as `path:line`. */
  readonly unread: readonly string[];
}

interface Assignment {
  readonly trait: string;
  readonly value: Literal;
  readonly place: string;
}

const ASSIGNMENT = /c\.(\w+\.\w+)[ \t]*=(?!=)/y;
/** Lines that have no effect anywhere. */
const IDLE = /^[ \t]*(?:#.*|c[ \t]*=[ \t]*get_config\([ \t]*\)[ \t]*(?:#.*)?|pass|"""[^"]*"""|)[ \t]*\r?$/;

/**
 * Reads a program's configuration: `<stem>.py`, then `<stem>.json`, then the file that `--config` names; later ones win.
 * @throws OptionError if a file cannot be read, or the named one is not there
 */
export function readConfiguration(
  stem: string,
  extra: string | undefined,
  rows: readonly TraitRow[],
): Configuration {
  const files = [`${stem}.py`, `${stem}.json`].map((path) => ({ path, text: textIfThere(path) }));
  if (extra !== undefined) files.push({ path: extra, text: namedText(extra) });
  const assignments: Assignment[] = [], unread: string[] = [];
  for (const { path, text } of files) {
    if (text === undefined) continue;
    const isJson = path.endsWith(".json");
    assignments.push(...isJson ? jsonAssignments(text, path) : pythonAssignments(text, path, unread));
  }
  const settings: Setting[] = [], unmapped: string[] = [];
  for (const { trait, value, place } of assignments) {
    const meaning = meaningOf(rows, trait, value, `c.${trait} (${place})`);
    if (meaning.kind === "set") settings.push(meaning.setting);
    else if (meaning.kind === "unknown") unmapped.push(`c.${trait} in ${place}${meaning.hint}`);
  }
  return { settings, unmapped, unread };
}

/** The assignments of a Python file; `unread` gets the places of lines that are something else. */
export function pythonAssignments(text: string, path: string, unread: string[]): Assignment[] {
  const found: Assignment[] = [];
  for (let at = 0; at < text.length;) {
    const end = lineEnd(text, at);
    const place = `${path}:${lineOf(text, at)}`;
    const read = assignmentAt(text, at);
    if (read !== undefined) {
      found.push({ trait: read.trait, value: read.value, place });
      at = lineEnd(text, read.end) + 1;
      continue;
    }
    if (!IDLE.test(text.slice(at, end))) unread.push(place);
    at = end + 1;
  }
  return found;
}

function assignmentAt(
  text: string,
  at: number,
): { readonly trait: string; readonly value: Literal; readonly end: number } | undefined {
  ASSIGNMENT.lastIndex = at;
  const [whole, trait = ""] = ASSIGNMENT.exec(text) ?? [];
  if (whole === undefined) return undefined;
  try {
    const { value, end } = literalAt(text, at + whole.length);
    return /^[ \t;]*(#.*)?\r?$/.test(text.slice(end, lineEnd(text, end))) ? { trait, value, end } : undefined;
  } catch (error) {
    if (error instanceof NotALiteral) return undefined;
    throw error;
  }
}

/** `{"Class": {"trait": value}, "version": 1}` */
function jsonAssignments(text: string, path: string): Assignment[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot read "${path}": it is no JSON (${why})`);
  }
  const found: Assignment[] = [];
  for (const [className, traits] of entriesOf(content)) {
    for (const [trait, value] of entriesOf(traits)) {
      found.push({ trait: `${className}.${trait}`, value: value as Literal, place: path });
    }
  }
  return found;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function textIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new OptionError(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`);
  }
}

function namedText(path: string): string {
  const text = textIfThere(path);
  if (text === undefined) {
    throw new OptionError(`Cannot read "${path}", which "--config" names: there is no such file`);
  }
  return text;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
