/** Where places in modules that were sent are in the user's files. */
import { scriptName } from "../protocol/text_hash.ts";
import { urlOf } from "./file_text.ts";
import { LINES_BEFORE_BUNDLE } from "./remote_texts.ts";
import { SourceMap } from "./source_map.ts";

/** Maps that are remembered. */
const MAX_MAPS = 256;

/** By the name that engines give to the text; read when a stack is. */
const maps = new Map<string, { readonly folder: string; readonly json: string; map?: SourceMap }>();

/** Keeps the source map of a module's text. */
export function rememberMap(source: string, made: { readonly folder: string; readonly map: string }): void {
  maps.set(scriptName(source), { folder: made.folder, json: made.map });
  for (const [oldest] of maps) if (maps.size > MAX_MAPS) maps.delete(oldest);
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
