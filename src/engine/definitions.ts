/**
 * Functions in the Worker, rebuilt from their text. A definition is kept as it came and built at its first use: its source becomes
 * an expression inside a function whose parameters are what it captured, in strict mode as every module is, and with the user's
 * namespace as its globals.
 */
import { defineProperty, hasOwn, keys } from "../protocol/primordials.ts";
import type { KeptTable } from "../protocol/values_kept.ts";
import { scriptName } from "../protocol/text_hash.ts";
import { isIdentifier } from "./namespace.ts";

const MakeFunction = Function;
const { apply, has } = Reflect;
const PrimordialTypeError = TypeError;
const PrimordialReferenceError = ReferenceError;
const PrimordialSyntaxError = SyntaxError;
const PrimordialMap = Map;
const mapGet = Function.prototype.call.bind(Map.prototype.get) as (map: unknown, key: number) => unknown;
const mapSet = Function.prototype.call.bind(Map.prototype.set) as (
  map: unknown,
  key: number,
  v: unknown,
) => void;

/** Most functions that one function may capture in a row: a captures b captures c … */
const MAX_NESTING = 50;

/** A function on its way: what a define's body is. */
export interface FunctionText {
  readonly kind: "function";
  readonly source: string;
  /** Values of free names. */
  readonly captures?: Readonly<Record<string, unknown>>;
  /** Free names that are functions themselves. */
  readonly functions?: Readonly<Record<string, FunctionText>>;
  /** The name under which the function can call itself. */
  readonly name?: string;
  /** Built once for all definitions that have it, as long as one of them is there: the text of a module. */
  readonly once?: boolean;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** What is known of one number: read at its first use, from `read`. */
interface Definition {
  read: ((kept: KeptTable | undefined) => unknown) | undefined;
  /** Whether it captures what each of its tasks brings: then it is built for each of them. */
  readonly hasKept: boolean;
  built: AnyFunction | undefined;
}

/** What texts that are built once gave, as a list that no setter of a task's is asked for. */
interface Shared {
  readonly source: string;
  readonly built: WeakRef<AnyFunction>;
  readonly next: Shared | null;
}

const PrimordialWeakRef = WeakRef;
const deref = Function.prototype.call.bind(WeakRef.prototype.deref) as (ref: unknown) => unknown;

export class Definitions {
  #shared: Shared | null = null;
  readonly #byNumber = new PrimordialMap<number, Definition>();

  /** Keeps a definition; one of the same number is replaced. */
  define(number: number, read: NonNullable<Definition["read"]>, hasKept = false): void {
    mapSet(this.#byNumber, number, { read, hasKept, built: undefined });
  }

  /** Calls a function. @throws what it throws, or why it cannot be built */
  call(number: number, args: readonly unknown[], kept?: KeptTable): unknown {
    const definition = mapGet(this.#byNumber, number) as Definition | undefined;
    if (definition === undefined) {
      throw new PrimordialReferenceError(`Cannot apply function ${number}: it was not defined`);
    }
    return apply(definition.built ?? this.#build(definition, kept), undefined, args);
  }

  #build(definition: Definition, kept: KeptTable | undefined): AnyFunction {
    const built = buildFunction(definition.read?.(kept), 0, (text, build) => this.#once(text, build));
    if (definition.hasKept) return built;
    definition.read = undefined;
    return definition.built = built;
  }

  #once({ source }: FunctionText, build: () => AnyFunction): AnyFunction {
    let alive: Shared | null = null;
    for (let at = this.#shared; at !== null; at = at.next) {
      const built = deref(at.built) as AnyFunction | undefined;
      if (built === undefined) continue;
      if (at.source === source) return built;
      alive = { source: at.source, built: at.built, next: alive };
    }
    const built = build();
    this.#shared = { source, built: new PrimordialWeakRef(built), next: alive };
    return built;
  }
}

type Once = (text: FunctionText, build: () => AnyFunction) => AnyFunction;

function buildFunction(text: unknown, depth: number, once: Once): AnyFunction {
  if (!isFunctionText(text)) throw new PrimordialTypeError("Cannot build a function: it has no source");
  return text.once === true
    ? once(text, () => newFunction(text, depth, once))
    : newFunction(text, depth, once);
}

function newFunction(text: FunctionText, depth: number, once: Once): AnyFunction {
  if (depth > MAX_NESTING) {
    throw new PrimordialTypeError("Cannot build a function: its captures nest too deep");
  }
  const values: unknown[] = [];
  const captured = addAll(text.captures, values, (value) => value);
  const functions = addAll(text.functions, values, (value) => buildFunction(value, depth + 1, once));
  const parameters = captured === "" || functions === "" ? captured + functions : `${captured},${functions}`;
  const name = ownName(text);
  const wrapper = makeWrapper(parameters, text.source, name);
  const built: unknown = apply(wrapper, undefined, values);
  if (typeof built !== "function") {
    throw new PrimordialTypeError("Cannot build a function: its source is none");
  }
  return built as AnyFunction;
}

/** Appends the values of an object, and returns its names as a list of parameters. */
function addAll(from: object | undefined, values: unknown[], convert: (value: unknown) => unknown): string {
  let names = "";
  const own = keys(from ?? {});
  for (let i = 0; i < own.length; i++) {
    const name = own[i] as string;
    const value = convert((from as Readonly<Record<string, unknown>>)[name]);
    names += i === 0 ? name : `,${name}`;
    const property = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
    defineProperty(values, values.length, property as PropertyDescriptor);
  }
  return names;
}

/**
 * The name by which the function can call itself, or "". Not one that is taken: a method called `crypto` that uses `crypto` means the
 * runtime's.
 */
function ownName(text: FunctionText): string {
  const name = text.name ?? "";
  if (!isIdentifier(name) || has(globalThis, name)) return "";
  return hasName(text.captures, name) || hasName(text.functions, name) ? "" : name;
}

function hasName(object: object | undefined, name: string): boolean {
  return object !== undefined && hasOwn(object, name);
}

function makeWrapper(parameters: string, source: string, name: string): AnyFunction {
  // The text has lines of its own, so that its columns are those of an error's stack (LINES_BEFORE says how many are before it).
  const end = `\n//# sourceURL=${scriptName(source)}`;
  const plain = `"use strict";return (\n${source}\n)${end}`;
  if (name === "") return makeFunction(parameters, plain);
  try {
    return makeFunction(parameters, `"use strict";const ${name} = (\n${source}\n);return ${name}${end}`);
  } catch (error) {
    // The name may be a reserved word; if it is the source that is wrong, this says so.
    if (error instanceof PrimordialSyntaxError) return makeFunction(parameters, plain);
    throw error;
  }
}

function makeFunction(parameters: string, body: string): AnyFunction {
  return MakeFunction(parameters, body) as AnyFunction;
}

function isFunctionText(value: unknown): value is FunctionText {
  if (typeof value !== "object" || value === null) return false;
  const { kind, source } = value as Partial<FunctionText>;
  return kind === "function" && typeof source === "string";
}
