/**
 * Modules as they travel. A bundle is used again as long as none of its files has changed.
 */
import { moduleText } from "./remote_texts.ts";
import { builtin } from "./file_text.ts";
import { bundleModule } from "./module_bundle.ts";
import { rememberMap } from "./module_maps.ts";

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

/** Modules that are remembered. */
const MAX_MODULES = 64;
/** A file that was changed so short before it was read may be changed again without a new time. */
const CLOSE_MS = 50;

const made = new Map<string, Made>();
const making = new Map<string, Promise<ModuleCode>>();

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
  rememberMap(source, bundle);
  return code;
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
