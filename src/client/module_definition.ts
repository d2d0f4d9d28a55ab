/**
 * Functions of modules as definitions: one for all that is done with a module, so that its code travels once whatever is called of it.
 */
import { ModuleError } from "../protocol/module_error.ts";
import {
  type Definition,
  definitionFrom,
  type FunctionText,
  MAX_DEFINITION_BYTES,
  ownText,
} from "./function_text.ts";
import type { ModuleCode } from "./module_code.ts";
import { MODULE_CALLS, MODULE_EXPORT, STREAMS } from "./remote_texts.ts";

/** One export of a module. */
export interface ModuleExport {
  /** The module. */
  readonly code: ModuleCode;
  /** The export's name. */
  readonly name: string;
}

const definitions = new WeakMap<ModuleCode, Definition>();

/** The definition of the module; the word of each call goes behind its arguments. */
export function moduleDefinition(code: ModuleCode): Definition {
  let definition = definitions.get(code);
  if (definition === undefined) definitions.set(code, definition = define(code));
  return definition;
}

function define(code: ModuleCode): Definition {
  const { source, url } = code;
  // UTF-8 may take more; then the codec says so.
  if (source.length > MAX_DEFINITION_BYTES - 16384) {
    const has = (source.length / 2 ** 20).toFixed(1), most = MAX_DEFINITION_BYTES / 2 ** 20;
    throw new ModuleError(
      url,
      `Cannot send module "${url}": with all that it imports it has ${has} MiB, more than ${most}`,
    );
  }
  const functions = { $module: textOf(code), $streams: ownText(STREAMS) };
  return definitionFrom(ownText(MODULE_CALLS, functions), { uses: [], codes: [], refs: [] });
}

function textOf({ source }: ModuleCode): FunctionText {
  return { ...ownText(source), once: true };
}

/** One function of a module, for a function that captures it. */
export function exportText({ code, name }: ModuleExport): FunctionText {
  return { ...ownText(MODULE_EXPORT, { $module: textOf(code) }), captures: { $name: name } };
}
