/**
 * Stacks of errors from engines as the user knows his program: file, line and column instead of a place in a function's text. Worked out when somebody
 * looks at the stack, so that an error that is only counted costs nothing.
 */
import { RemoteError } from "../protocol/errors.ts";
import { LINES_BEFORE } from "../protocol/text_hash.ts";
import { textOfScript } from "./function_source.ts";
import { placeInModule } from "./module_maps.ts";
import { isOwnText } from "./remote_texts.ts";
import { placeInFile } from "./stack_place.ts";

/** A place in the script of a definition. */
const PLACE = /\b(task:[0-9a-f]{18})(?:, <anonymous>)?:(\d+):(\d+)/;
/** A frame of an engine's own. */
const ENGINES_OWN = /^\s+at .*\(?tsparallel:slot\b/;

/** The same error, whose `stack` and `traceback` name the user's files where functions of this program are in them. `cause` stays as it came. */
export function withUserStack<E extends Error>(error: E): E {
  const remote = error instanceof RemoteError ? error.traceback : stackOf(error.cause);
  if (!PLACE.test(remote)) return error;
  let mapped: string | undefined;
  const traceback = () => mapped ??= userStack(remote);
  if (error instanceof RemoteError) define(error, "traceback", traceback, true);
  define(error, "stack", () => `${error.name}: ${error.message}\n${framesIn(traceback())}`, false);
  return error;
}

function stackOf(cause: unknown): string {
  return cause instanceof Error && typeof cause.stack === "string" ? cause.stack : "";
}

function define(object: object, name: string, get: () => string, enumerable: boolean): void {
  const set = (value: unknown) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable });
  Object.defineProperty(object, name, { get, set, configurable: true, enumerable });
}

/** A stack from an engine with the user's places, without frames that are not his. */
function userStack(stack: string): string {
  return stack.split("\n").filter((line) => !ENGINES_OWN.test(line)).flatMap(userLine).join("\n");
}

function userLine(line: string): string[] {
  const [place, script = "", row = "1", column = "1"] = PLACE.exec(line) ?? [];
  if (place === undefined) return [line];
  if (isOwnText(script)) return [];
  const at = { line: Number(row) - LINES_BEFORE, column: Number(column) };
  const inModule = placeInModule(script, at);
  if (inModule !== undefined) return inModule === null ? [] : [line.replace(place, inModule)];
  const text = textOfScript(script);
  if (text === undefined) return [line.replace(place, `${script}:${at.line}:${at.column}`)];
  const found = placeInFile(text, at);
  const [site] = text.sites;
  const inText = `line ${at.line}, column ${at.column} of the function`;
  return [
    line.replace(place, found ?? (site === undefined ? inText : `${inText} that was sent from ${site}`)),
  ];
}

function framesIn(stack: string): string {
  return stack.split("\n").filter((line) => /^\s+at /.test(line)).join("\n");
}
