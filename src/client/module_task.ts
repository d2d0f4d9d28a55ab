/**
 * Tasks whose function is a module's: the module travels with all that it imports.
 */
import { didYouMean } from "../base/options.ts";
import { ModuleError } from "../protocol/module_error.ts";
import { type ModuleCode, moduleCode } from "./module_code.ts";
import type { ModuleExport } from "./module_definition.ts";

/**
 * The export of a module by its name.
 * @throws ModuleError if the module cannot be bundled or has no such export; TypeError for what is no URL of a file
 */
export async function findExport(url: string | URL, name: string): Promise<ModuleExport> {
  const code = await moduleCode(hrefOf(url));
  if (code.exports.includes(name)) return { code, name };
  throw new ModuleError(code.url, `Cannot find "${name}" in module "${code.url}"${hint(name, code)}`);
}

/** All that a module exports. */
export async function allExports(url: string | URL): Promise<readonly ModuleExport[]> {
  const code = await moduleCode(hrefOf(url));
  return code.exports.map((name) => ({ code, name }));
}

function hint(name: string, { exports }: ModuleCode): string {
  if (exports.length === 0) return ": it exports nothing but types";
  return didYouMean(name, exports) || `: it exports ${exports.slice(0, 20).join(", ")}`;
}

function hrefOf(url: string | URL): string {
  const text = String(url);
  if (/^file:/i.test(text)) return new URL(text).href;
  const why = /^[a-z][a-z0-9+.-]*:/i.test(text)
    ? "only files of this host are bundled"
    : `it is no URL; say where it is seen from: import.meta.resolve(${JSON.stringify(text)})`;
  throw new TypeError(`Cannot send module "${text}": ${why}`);
}
