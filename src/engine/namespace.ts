/**
 * The user's namespace in the Worker: the global object. `execute` runs cells in it, `push`, `pull` and `clear` reach into it, and
 * applied functions see it as their globals.
 */
import {
  charCodeAt,
  defineProperty,
  isArray,
  keys,
  PrimordialMap,
  PrimordialString,
} from "../protocol/primordials.ts";
import { encodeError, readValue } from "../protocol/values.ts";
import type { PreparedCell } from "./cell_tools.ts";
import { Bundles, hasDisplay, showValue } from "./display.ts";

const { ownKeys, has, getOwnPropertyDescriptor, deleteProperty, apply } = Reflect;
const MakeFunction = Function;
const globalEval = globalThis.eval;
const isInMap = Function.prototype.call.bind(Map.prototype.has) as (map: unknown, key: unknown) => boolean;
const mapGetAny = Function.prototype.call.bind(Map.prototype.get) as (map: unknown, key: unknown) => unknown;
const mapKeep = Function.prototype.call.bind(Map.prototype.set) as (
  map: unknown,
  key: unknown,
  v: unknown,
) => void;
const PrimordialSyntaxError = SyntaxError;
const PrimordialTypeError = TypeError;

/** A cell as it is asked for. Peers want texts instead of values, and to be told when it begins. */
export interface CellRequest {
  readonly code: string;
  readonly silent: boolean;
  readonly isPeers: boolean;
  /** Whether it counts. Default: unless it is silent. */
  readonly counts?: boolean | undefined;
  /** Code whose values are wanted after the cell, by name. */
  readonly expressions?: unknown;
}

export interface NamespaceOptions {
  /** JavaScript text that makes `prepareCell` (cell_tools.ts). Run at the first cell. */
  readonly cellTools: string;
  /** Takes what cells and tasks display, and what else they have to say. */
  readonly show: (event: object) => void;
}

/** What a cell gave. `text` shows its value, unless that is undefined. */
export interface CellResult {
  readonly value: unknown;
  readonly executionCount: number;
  readonly text?: string;
  /** By name, as `user_expressions` of a reply has them. */
  readonly expressions?: object;
}

export class Namespace {
  readonly #options: NamespaceOptions;
  readonly #bundles: Bundles;
  /** Global properties before any task. */
  readonly #baseline = new PrimordialMap<PropertyKey, PropertyDescriptor>();
  #prepare: ((code: string) => PreparedCell) | undefined;
  #count = 0;

  /** Must be made before any task runs. */
  constructor(options: NamespaceOptions) {
    this.#options = options;
    this.#bundles = new Bundles(options.show);
    setGlobal("display", this.#bundles.display);
    for (const key of ownKeys(globalThis)) {
      const descriptor = getOwnPropertyDescriptor(globalThis, key);
      if (descriptor !== undefined) mapKeep(this.#baseline, key, descriptor);
    }
  }

  /** Runs a cell. @throws what the cell throws */
  async execute(request: CellRequest): Promise<CellResult> {
    const { silent, isPeers } = request;
    if (!silent && request.counts !== false) this.#count++;
    const executionCount = this.#count;
    if (isPeers) this.#options.show({ kind: "cell_begun", executionCount });
    const value = await this.#run(request.code, executionCount);
    const isShown = value !== undefined && !silent && hasDisplay(value);
    if (isShown) await this.#bundles.show("execute_result", value, { executionCount });
    const text = value === undefined ? {} : { text: showValue(value) };
    if (!isPeers) return { value, executionCount, ...text };
    const expressions = await this.#evaluate(request.expressions);
    return { value: undefined, executionCount, expressions, ...text };
  }

  async #run(code: string, count: number): Promise<unknown> {
    const cell = this.#tools()(code);
    for (let i = 0; i < cell.names.length; i++) declare(cell.names[i] as string);
    // Nothing before the cell's first line, so that its lines are those of an error's stack.
    const head = cell.isAsync ? "(async function(){" : "(function(){";
    const run = globalEval(`${head}${cell.source}\n})//# sourceURL=cell_${count}.ts`) as () => unknown;
    return await apply(run, globalThis, []);
  }

  /** Values of expressions for a front-end; one that fails leaves the others alone. */
  async #evaluate(expressions: unknown): Promise<object> {
    const values = {};
    if (typeof expressions !== "object" || expressions === null) return values;
    const names = keys(expressions);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const code = (expressions as Readonly<Record<string, unknown>>)[name];
      defineProperty(values, name, fixed(await this.#evaluateOne(PrimordialString(code))));
    }
    return values;
  }

  async #evaluateOne(code: string): Promise<object> {
    try {
      const value = await this.#run(code, this.#count);
      return { status: "ok", data: await this.#bundles.bundle(value), metadata: {} };
    } catch (error) {
      const { ename, evalue, traceback } = readValue(encodeError(error)) as Readonly<Record<string, unknown>>;
      return { status: "error", ename, evalue, traceback };
    }
  }

  #tools(): (code: string) => PreparedCell {
    return this.#prepare ??= new MakeFunction(
      `${this.#options.cellTools};return CELL_TOOLS.prepareCell`,
    )() as (
      code: string,
    ) => PreparedCell;
  }

  /** Sets global names. @throws TypeError if it is not given an object, SyntaxError for what is no name */
  push(values: unknown): null {
    if (typeof values !== "object" || values === null) throw new PrimordialTypeError("Cannot push no object");
    const names = keys(values);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      if (isWord(name)) {
        throw new PrimordialSyntaxError(`Cannot push "${name}": a word of the language is no name`);
      }
      setGlobal(name, (values as Readonly<Record<string, unknown>>)[name]);
    }
    return null;
  }

  /** Values of names or expressions, in order. @throws ReferenceError naming what is not there, SyntaxError */
  pull(names: unknown): unknown[] {
    if (!isArray(names)) throw new PrimordialTypeError("Cannot pull: no list of names");
    const values: unknown[] = [];
    for (let i = 0; i < names.length; i++) {
      defineProperty(values, i, fixed(pullOne(PrimordialString(names[i]))));
    }
    return values;
  }

  /** Makes the namespace as it was before any task. */
  clear(): null {
    const present = ownKeys(globalThis);
    for (let i = 0; i < present.length; i++) {
      const key = present[i] as PropertyKey;
      if (!isInMap(this.#baseline, key)) {
        deleteProperty(globalThis, key);
        continue;
      }
      const before = mapGetAny(this.#baseline, key) as PropertyDescriptor;
      if (before.configurable === true) defineProperty(globalThis, key, before);
    }
    this.#count = 0;
    return null;
  }
}

/** The value of a name, or of any other expression: words of the language are such. */
function pullOne(name: string): unknown {
  if (!isIdentifier(name) || isWord(name) || !has(globalThis, name)) return globalEval(`(${name}\n)`);
  return (globalThis as unknown as Readonly<Record<string, unknown>>)[name];
}

/** Whether it is written like a name, but has its value from the language. */
function isWord(text: string): boolean {
  return text === "null" || text === "true" || text === "false" || text === "this";
}

/** Whether a text is a plain name (of letters that JavaScript and everybody knows). */
export function isIdentifier(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = charCodeAt(text, i);
    const isLetter = c >= 97 && c <= 122 || c >= 65 && c <= 90 || c === 95 || c === 36 || c > 127;
    if (!isLetter && !(i > 0 && c >= 48 && c <= 57)) return false;
  }
  return text !== "";
}

/** A name that a cell declares exists from its begin, as a property that can be set and deleted. */
function declare(name: string): void {
  const own = getOwnPropertyDescriptor(globalThis, name);
  if (own === undefined || own.writable !== true) setGlobal(name, undefined);
}

/** Sets a global name. */
export function setGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, fixed(value));
}

/** An ordinary property, whatever `Object.prototype` says of descriptors by now. */
function fixed(value: unknown): PropertyDescriptor {
  return {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  } as PropertyDescriptor;
}
