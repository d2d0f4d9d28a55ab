/**
 * Texts of functions: whether they can be rebuilt elsewhere, which names they lack, and where in the user's program they were first sent from. Worked out
 * once for each text, so that a new closure of the same text in each turn of a loop costs a look-up.
 */
import { scriptName } from "../protocol/text_hash.ts";
import { callFrames } from "./call_site.ts";
import { type FreeNames, freeNames } from "./free_variables.ts";

/** What is known of a text. */
export interface SourceText {
  /** An expression. */
  readonly source: string;
  /** What it is called in stacks of engines. */
  readonly script: string;
  readonly free: FreeNames;
  /** Places of the user's program from which it was first sent, the innermost first: `file:///a.ts:3:14`. */
  readonly sites: readonly string[];
}

/** Most texts, and characters of texts, that are remembered. */
const MAX_TEXTS = 4096;
const MAX_LENGTH = 16 << 20;

const bySource = new Map<string, SourceText>();
const byScript = new Map<string, SourceText>();
let totalLength = 0;

/**
 * What is known of a function's text.
 * @throws TypeError if it has none that can be rebuilt elsewhere
 */
export function sourceText(run: (...args: never[]) => unknown): SourceText {
  const source = Function.prototype.toString.call(run);
  return bySource.get(source) ?? learn(source, run.name);
}

/** The text that engines call so; undefined if it is not (any more) known here. */
export function textOfScript(script: string): SourceText | undefined {
  return byScript.get(script);
}

function learn(source: string, name: string): SourceText {
  const free = freeNames(source);
  checkSource(source, name, free);
  const own = withoutBuildTools(source, free);
  const text = { ...own, script: scriptName(own.source), sites: callFrames() };
  bySource.set(source, text);
  byScript.set(text.script, text);
  totalLength += source.length;
  for (const [oldest, { script }] of bySource) {
    if (bySource.size <= MAX_TEXTS && totalLength <= MAX_LENGTH) break;
    bySource.delete(oldest);
    byScript.delete(script);
    totalLength -= oldest.length;
  }
  return text;
}

/** By this esbuild, and what is built on it (tsx, Vite), gives functions inside of others the names that they had. */
const NAMER = "__name";
const NAMER_TEXT =
  '(value, name) => Object.defineProperty(value, "name", { value: name, configurable: true })';

/** A text that needs nothing of the tool that it went through. */
function withoutBuildTools(source: string, free: FreeNames): Pick<SourceText, "source" | "free"> {
  if (free.names.every(({ name }) => name !== NAMER)) return { source, free };
  const before = `((${NAMER}) => (`, namer = `typeof ${NAMER} === "function" ? ${NAMER} : ${NAMER_TEXT}`;
  const names = free.names.filter(({ name }) => name !== NAMER)
    .map((use) => use.line === 1 ? { ...use, column: use.column + before.length } : use);
  return { source: `${before}${source}\n))(${namer})`, free: { ...free, names } };
}

/** @throws TypeError if the text is no expression */
function checkSource(source: string, runName: string, free: FreeNames): void {
  const name = runName === "" ? "the function" : `function "${runName}"`;
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new TypeError(
      `Cannot send ${name}: it is built in or bound, and has no text; wrap it in an arrow function`,
    );
  }
  if (/^class\b/.test(source)) {
    throw new TypeError(`Cannot send ${name}: it is a class; wrap its use in an arrow function`);
  }
  // What is compiled stays in the runtime's cache: only what the parser does not know is.
  if (!free.isExpression && !isExpression(source)) {
    throw new TypeError(
      `Cannot send ${name}: its text is no expression of its own (a method, getter or setter, or it uses super); ` +
        "write it as an arrow function or with the word function",
    );
  }
}

/** Whether the text compiles as an expression; true where the runtime forbids to try. */
export function isExpression(source: string): boolean {
  try {
    new Function(`return (${source}\n);`);
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError);
  }
}
