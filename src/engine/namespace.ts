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
  stringSlice,
} from "../protocol/primordials.ts";
import type { PreparedCell } from "./cell_tools.ts";

const { ownKeys, has, getOwnPropertyDescriptor, deleteProperty, apply } = Reflect;
const MakeFunction = Function;
const MakeAsyncFunction = (async () => {}).constructor as FunctionConstructor;
const globalEval = globalThis.eval;
const inspect = Deno.inspect;
const isInMap = Function.prototype.call.bind(Map.prototype.has) as (map: unknown, key: unknown) => boolean;
const mapGetAny = Function.prototype.call.bind(Map.prototype.get) as (map: unknown, key: unknown) => unknown;
const mapKeep = Function.prototype.call.bind(Map.prototype.set) as (
  map: unknown,
  key: unknown,
  v: unknown,
) => void;
const display = Symbol.for("Jupyter.display");
const PrimordialReferenceError = ReferenceError;
const PrimordialTypeError = TypeError;

/** Most characters of a value shown as text. */
const MAX_TEXT = 16 << 10;

type DisplayKind = "display_data" | "execute_result";

/** Something to show in a front-end. */
export interface DisplayEvent {
  readonly kind: DisplayKind;
  readonly data: unknown;
  readonly metadata: unknown;
  readonly executionCount?: number;
}

export interface NamespaceOptions {
  /** JavaScript text that makes `prepareCell` (cell_tools.ts). Run at the first cell. */
  readonly cellTools: string;
  /** Takes what cells and tasks display. */
  readonly show: (event: DisplayEvent) => void;
}

/** What a cell gave. `text` shows its value, unless that is undefined. */
export interface CellResult {
  readonly value: unknown;
  readonly executionCount: number;
  readonly text?: string;
}

export class Namespace {
  readonly #options: NamespaceOptions;
  /** Global properties before any task. */
  readonly #baseline = new PrimordialMap<PropertyKey, PropertyDescriptor>();
  #prepare: ((code: string) => PreparedCell) | undefined;
  #count = 0;

  /** Must be made before any task runs. */
  constructor(options: NamespaceOptions) {
    this.#options = options;
    setGlobal("display", (value: unknown) => this.#display("display_data", value));
    for (const key of ownKeys(globalThis)) {
      const descriptor = getOwnPropertyDescriptor(globalThis, key);
      if (descriptor !== undefined) mapKeep(this.#baseline, key, descriptor);
    }
  }

  /** Runs a cell. @throws what the cell throws */
  async execute(code: string, silent: boolean): Promise<CellResult> {
    if (!silent) this.#count++;
    const executionCount = this.#count;
    const cell = this.#tools()(code);
    for (let i = 0; i < cell.names.length; i++) declare(cell.names[i] as string);
    const source = `${cell.source}\n//# sourceURL=cell_${executionCount}.ts`;
    const run = cell.isAsync ? new MakeAsyncFunction(source) : new MakeFunction(source);
    const value: unknown = await apply(run, globalThis, []);
    if (value === undefined) return { value, executionCount };
    if (!silent && hasDisplay(value)) await this.#display("execute_result", value, executionCount);
    return { value, executionCount, text: showValue(value) };
  }

  #tools(): (code: string) => PreparedCell {
    return this.#prepare ??= new MakeFunction(
      `${this.#options.cellTools};return CELL_TOOLS.prepareCell`,
    )() as (
      code: string,
    ) => PreparedCell;
  }

  /** Shows a value through its own display method, else as text. */
  async #display(kind: DisplayKind, value: unknown, executionCount?: number): Promise<void> {
    const count = executionCount === undefined ? {} : { executionCount };
    const data = hasDisplay(value) ? await value[display]() : { "text/plain": showValue(value) };
    this.#options.show({ kind, data, metadata: {}, ...count });
  }

  /** Sets global names. @throws TypeError if it is not given an object */
  push(values: unknown): null {
    if (typeof values !== "object" || values === null) throw new PrimordialTypeError("Cannot push no object");
    const names = keys(values);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      setGlobal(name, (values as Readonly<Record<string, unknown>>)[name]);
    }
    return null;
  }

  /** Values of names or expressions, in order. @throws ReferenceError naming what is not there */
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

function pullOne(name: string): unknown {
  if (!isIdentifier(name)) return globalEval(`(${name}\n)`);
  if (!has(globalThis, name)) throw new PrimordialReferenceError(`${name} is not defined`);
  return (globalThis as unknown as Readonly<Record<string, unknown>>)[name];
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

function setGlobal(name: string, value: unknown): void {
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

interface Displayable {
  [display](): unknown;
}

function hasDisplay(value: unknown): value is Displayable {
  try {
    if (typeof value !== "object" && typeof value !== "function" || value === null) return false;
    return typeof (value as Partial<Displayable>)[display] === "function";
  } catch {
    return false;
  }
}

/** A value as bounded text. Never throws. */
export function showValue(value: unknown): string {
  try {
    const text = inspect(value, { depth: 4, iterableLimit: 100, strAbbreviateSize: MAX_TEXT });
    return text.length > MAX_TEXT ? stringSlice(text, 0, MAX_TEXT) + "…" : text;
  } catch {
    return "(cannot be shown)";
  }
}
