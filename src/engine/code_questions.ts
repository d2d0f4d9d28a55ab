/**
 * From a cursor to the question that the namespace is asked, and from its answer to what a front-end shows. The answer comes out of the slot:
 * nothing in it is believed.
 */
import { pathAt, type Typed } from "./code_cursor.ts";
import { inspectText } from "./inspect_text.ts";
import type { Described, Path, Question, ShortValue } from "./reflection.ts";

/** What the slot said: anything. */
export type LiveNamespace = unknown;

const KEYWORDS =
  ("abstract any as asserts async await bigint boolean break case catch class const continue debugger declare default delete do else enum " +
    "export extends false finally for from function get if implements import in infer instanceof interface is keyof let module namespace " +
    "never new null number object of override private protected public readonly return satisfies set static string super switch symbol " +
    "this throw true try type typeof undefined unknown using var void while with yield").split(" ");
const PARTS = [20, 200] as const;
const MAX_NAME = 500;

/** Sorted, each once. */
export function matchesOf({ kind, prefix, quote }: Typed, answer: LiveNamespace): string[] {
  const names = Array.isArray(answer)
    ? answer.filter((name): name is string => typeof name === "string" && name.length <= MAX_NAME)
    : [];
  const matches = new Set(kind === "key" ? names.filter((name) => isPlain(name, quote)) : names);
  if (kind === "name") {
    for (const word of KEYWORDS) if (word.startsWith(prefix)) matches.add(word);
  }
  return [...matches].sort();
}

/** Whether a key can be written in these quotes as it is. */
function isPlain(name: string, quote: string): boolean {
  return !name.includes(quote) && !/[\\\p{Cc}\u2028\u2029]/u.test(name) && name.isWellFormed();
}

/** A question on what the cursor stands at, and the text for its answer: null if nothing is there. */
export interface Inspection {
  readonly question: Question;
  text(answer: LiveNamespace): string | null;
}

export function inspectionOf(code: string, cursor: number, detail: 0 | 1): Inspection | null {
  const path = pathAt(code, cursor);
  if (path === null) return null;
  const question = { ask: "describe", path, prefix: "", namesOnly: false, parts: PARTS[detail] } as const;
  return {
    question,
    text: (answer) => {
      const described = readDescribed(answer);
      return described === null ? null : inspectText(nameOf(path), described, detail);
    },
  };
}

function nameOf({ root, literal, steps }: Path): string {
  let name = root ?? literal ?? "";
  for (let step = steps; step !== null; step = step.next) {
    const isName = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step.key);
    name += isName ? `.${step.key}` : `[${JSON.stringify(step.key)}]`;
  }
  return name;
}

function readDescribed(answer: LiveNamespace): Described | null {
  if (typeof answer !== "object" || answer === null || !("found" in answer) || answer.found !== true) {
    return null;
  }
  const said: Readonly<Record<string, unknown>> = { ...answer };
  const parts = Array.isArray(said["parts"]) ? said["parts"] : [];
  return {
    found: true,
    ...readShort(said),
    source: textOf(said["source"]),
    name: textOf(said["name"]),
    length: typeof said["length"] === "number" ? said["length"] : 0,
    parts: parts.flatMap((part) =>
      Array.isArray(part) ? [[textOf(part[0]), readShort(part[1])] as const] : []
    ),
    isCut: said["isCut"] === true,
  };
}

function readShort(value: unknown): ShortValue {
  const said: Readonly<Record<string, unknown>> = typeof value === "object" && value !== null
    ? { ...value }
    : {};
  return { type: textOf(said["type"]), text: textOf(said["text"]) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
