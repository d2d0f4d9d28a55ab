/**
 * Modules as they travel, and where places in them are in the user's files. A bundle is used again as long as none of its files has changed.
 */
import { LINES_BEFORE_BUNDLE, moduleText } from "./remote_texts.ts";
import { scriptName } from "../protocol/text_hash.ts";
import { builtin } from "./file_text.ts";
import { urlOf } from "./import_map.ts";
import { type Bundle, bundleModule } from "./module_bundle.ts";
import { SourceMap } from "./source_map.ts";

/** A module as text. */
export interface ModuleCode {
  /** URL of the file. */
  readonly url: string;
  /** An expression that gives what calls back with the module. */
  readonly source: string;
  /** Names that it exports. */
  readonly exports: readonly string[];
}

/** A bundle and how its files were when it was made. */
interface Made {
  readonly code: ModuleCode;
  readonly stamps: ReadonlyMap<string, string>;
}

/** Modules that are remembered, and maps for stacks. */
const MAX_MODULES = 64;
const MAX_MAPS = 256;
/** A file that was changed so short before it was read may be changed again without a new time. */
const CLOSE_MS = 50;

const made = new Map<string, Made>();
const making = new Map<string, Promise<ModuleCode>>();
const maps = new Map<string, { readonly folder: string; readonly json: string; map?: SourceMap }>();

/**
 * The module's code as its files are now.
 * @throws ModuleError
 */
export function moduleCode(url: string): Promise<ModuleCode> {
  const known = made.get(url);
  if (known !== undefined && isFresh(known)) return Promise.resolve(known.code);
  const under = making.get(url);
  if (under !== undefined) return under;
  const promise = make(url).finally(() => making.delete(url));
  making.set(url, promise);
  return promise;
}

async function make(url: string): Promise<ModuleCode> {
  const began = Date.now();
  const bundle = await bundleModule(url);
  const source = moduleText(bundle.text, bundle.isAsync);
  const before = made.get(url)?.code;
  const code = before?.source === source ? before : Object.freeze({ url, source, exports: bundle.exports });
  made.delete(url);
  made.set(url, { code, stamps: new Map(bundle.files.map((file) => [file, stampOf(file, began)])) });
  for (const [oldest] of made) if (made.size > MAX_MODULES) made.delete(oldest);
  remember(source, bundle);
  return code;
}

function remember(source: string, { folder, map }: Bundle): void {
  maps.set(scriptName(source), { folder, json: map });
  for (const [oldest] of maps) if (maps.size > MAX_MAPS) maps.delete(oldest);
}

function isFresh({ stamps }: Made): boolean {
  for (const [file, stamp] of stamps) if (stampOf(file, Infinity) !== stamp) return false;
  return true;
}

/** What changes with a file; nothing that could be met again if it was being changed at that time. */
function stampOf(path: string, at: number): string {
  try {
    const { mtimeMs, size, ino } = builtin("node:fs")?.statSync(path) ?? { mtimeMs: NaN, size: 0, ino: 0 };
    return mtimeMs > at - CLOSE_MS ? "changing" : `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "gone";
  }
}

/** Where a place in a module's script is in the user's files: `file:///a/work.ts:3:14`; null for what is not his; undefined if the script is no module of this program. */
export function placeInModule(
  script: string,
  { line, column }: { readonly line: number; readonly column: number },
): string | null | undefined {
  const known = maps.get(script);
  if (known === undefined) return undefined;
  const map = known.map ??= new SourceMap(known.json);
  const place = map.place(line - LINES_BEFORE_BUNDLE, column);
  // Other than files have a name before a colon.
  if (place === undefined || /^[a-z]+:/.test(place.source)) return null;
  return `${urlOf(place.source, known.folder)}:${place.line}:${place.column}`;
}
