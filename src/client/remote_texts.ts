/**
 * Texts of the client's own that stand around the user's functions on engines.
 */
import { scriptName } from "../protocol/text_hash.ts";
import { sourceText } from "./function_source.ts";
import { remoteStreams } from "./remote_streams.ts";

/** Calls a function item by item and waits only for what is a promise. */
const MAP_ITEMS = `const results = [];
for (const item of items) {
  const result = run(...item);
  results.push(typeof result?.then === "function" ? await result : result);
}
return results;`;

/** Takes many lists of arguments and returns the results of each, in order. Uses \`run\`. */
export const MAPPER: string = `async (...items) => {\n${MAP_ITEMS}\n}`;

/** The engine's end of streams. Tools that this program may have gone through keep the names of functions with a helper of their own. */
export const STREAMS: string = withoutNamer(remoteStreams.toString());

function withoutNamer(text: string): string {
  return /\b__name\b/.test(text) ? `((__name) => (${text}\n))((value) => value)` : text;
}

/** Streams of one function: the word comes behind its arguments. Uses \`run\` and \`$streams\`. */
export const STREAMER: string = `(() => {
const streams = $streams(() => run);
return (...args) => {
  const word = args.pop();
  return streams(word, args);
};
})()`;

const FIND = `const find = (module, name) => {
  if (typeof module[name] === "function") return module[name];
  throw new TypeError("Cannot call \\"" + name + "\\" of the module: it is no function");
};`;

/** All that is done with a module, so that it travels once. What is wanted comes behind the arguments: \`[export]\`, \`[export, "map"]\` or a word for streams. */
export const MODULE_CALLS: string = `(() => {
${FIND}
const map = async (run, items) => {
${MAP_ITEMS}
};
const streams = $streams((name) => (...args) => $module((module) => find(module, name)(...args)));
return (...args) => {
  const word = args.pop();
  if (word.id !== undefined) return streams(word, args);
  const [name, how] = word;
  return $module((module) => how === "map" ? map(find(module, name), args) : find(module, name)(...args));
};
})()`;

/** One function of a module, where another function captures it. Uses `$name` and `$module`. */
export const MODULE_EXPORT: string = `(() => {
${FIND}
return (...args) => $module((module) => find(module, $name)(...args));
})()`;

/** Where the bundle begins in a module's text: the number of lines before it. */
export const LINES_BEFORE_BUNDLE = 6;

/** A module: evaluated when it is first used, once; what it throws then it throws for everybody. */
export function moduleText(bundle: string, isAsync: boolean): string {
  return `(() => {
const $tsparallelBuiltin = (name) => {
  const found = process.getBuiltinModule(name);
  if (found !== undefined) return found;
  throw new Error("There is no built-in module \\"" + name + "\\" on this engine"); };
let $tsparallelModule; const $tsparallelExports = (module) => { $tsparallelModule = module; }; const $tsparallelLoad = ${
    isAsync ? "async " : ""
  }() => {
${bundle}
return $tsparallelModule;
};
${isAsync ? ASYNC_USE : SYNC_USE}
})()`;
}

const SYNC_USE = `let $tsparallelState;
const $tsparallelTry = () => {
  try {
    return { module: $tsparallelLoad() };
  } catch (error) {
    return { error };
  }
};
return (use) => {
  $tsparallelState ??= $tsparallelTry();
  if ("error" in $tsparallelState) throw $tsparallelState.error;
  return use($tsparallelState.module);
};`;

const ASYNC_USE = `let $tsparallelState;
return (use) => ($tsparallelState ??= $tsparallelLoad()).then(use);`;

const own = new Set([MAPPER, STREAMS, STREAMER, MODULE_CALLS, MODULE_EXPORT].map(scriptName));

/** The text of this function is the library's own: stacks do not show it, and its names are no user's. */
export function registerOwn(run: (...args: never[]) => unknown): void {
  own.add(sourceText(run).script);
}

/** Whether a script on an engine is a text of the client's own around the user's function. */
export function isOwnText(script: string): boolean {
  return own.has(script);
}
