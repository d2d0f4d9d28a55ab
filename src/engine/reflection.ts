/**
 * Looks at the namespace for front-ends, in the Worker: which names and properties there are, and what a value is. It never runs a line of the
 * user's code: no getter, no trap of a Proxy, no `toString`, only own properties that hold data, level by level up the prototypes. Like
 * everything that lives beside tasks it calls nothing but what was taken before the first one.
 */
import {
  bigintText,
  charCodeAt,
  dateTime,
  defineProperty,
  getPrototypeOf,
  hasOwn,
  isArray,
  mapSize,
  PrimordialSet,
  PrimordialString,
  regExpFlags,
  regExpSource,
  setAdd,
  setSize,
  stringSlice,
  typedArrayLength,
  typedArrayName,
} from "../protocol/primordials.ts";
import { hasMoreBits, SHOWN_BITS } from "../protocol/values_error.ts";
import { isIdentifier } from "./namespace.ts";

/** Where something lies: a global name or a literal's kind, and property names from there. */
export interface Path {
  readonly root: string | null;
  /** Instead of a name: the members of a literal of this kind. */
  readonly literal: "string" | "number" | "regexp" | "array" | null;
  readonly steps: Step | null;
}

/** A property's name, and what comes behind it. No list: a task may spoil those that are read where it runs. */
export interface Step {
  readonly key: string;
  readonly next: Step | null;
}

/** What a front-end wants to know. */
export interface Question {
  readonly ask: "members" | "describe";
  readonly path: Path;
  /** What members begin with. */
  readonly prefix: string;
  /** Only members that can stand behind a dot. */
  readonly namesOnly: boolean;
  /** How many parts of a value are shown. */
  readonly parts: number;
}

/** A value in a few words. `text` is as the language writes it where that is short. */
export interface ShortValue {
  readonly type: string;
  readonly text: string;
}

/** What a value is. */
export interface Described extends ShortValue {
  readonly found: boolean;
  /** Text of a function or class, "" for all else. */
  readonly source: string;
  readonly name: string;
  /** Parameters that a function says it has. */
  readonly length: number;
  readonly parts: readonly (readonly [name: string, value: ShortValue])[];
  /** There are more parts than these. */
  readonly isCut: boolean;
}

type Descriptor = PropertyDescriptor;
const { ownKeys, getOwnPropertyDescriptor } = Reflect;
const uncurry = <R>(method: (...args: never[]) => R) =>
  Function.prototype.call.bind(method) as (self: unknown, ...args: unknown[]) => R;
const functionText = uncurry(Function.prototype.toString);
const symbolText = uncurry(Symbol.prototype.toString);
const isoText = uncurry(Date.prototype.toISOString);
const setHas = uncurry(Set.prototype.has);
const PROTOTYPES: Readonly<Record<string, object>> = Object.assign(Object.create(null), {
  string: String.prototype,
  number: Number.prototype,
  boolean: Boolean.prototype,
  bigint: BigInt.prototype,
  symbol: Symbol.prototype,
  regexp: RegExp.prototype,
  array: Array.prototype,
});

/** Prototypes that are looked at, one above the other. */
const MAX_LEVELS = 100;
const MAX_NAMES = 20_000;
const MAX_NAME_CHARACTERS = 128 << 10;
const MAX_SOURCE = 16 << 10;
const MAX_TEXT = 80;
/** The keys of longer arrays are not listed: most are indexes. */
const MAX_INDEXES = 10_000;
const SPECIAL = Object.freeze({
  proxy: "Proxy",
  getter: "[Getter]",
  setter: "[Setter]",
  both: "[Getter/Setter]",
});

/** Tells a Proxy without touching it. */
export type ProxyTest = (value: unknown) => boolean;

/** What was found at a place: a value, or why it was not looked at. */
interface Found {
  readonly value: unknown;
  readonly special: string;
}

export class Reflection {
  readonly #isProxy: ProxyTest;

  constructor(isProxy: ProxyTest) {
    this.#isProxy = isProxy;
  }

  answer(question: Question): unknown {
    return question.ask === "members" ? this.#members(question) : this.#describe(question);
  }

  // ── finding ────────────────────────────────────────────────────────────────────────────────

  /** What lies at the end of a path, undefined if there is nothing. */
  #find({ root, literal, steps }: Path): Found | undefined {
    const start: unknown = literal === null ? globalThis : PROTOTYPES[literal];
    let found: Found | undefined = { value: start, special: "" };
    if (root !== null && root !== "globalThis") found = this.#property(globalThis, root);
    for (let step = steps; step !== null; step = step.next) {
      if (found === undefined || found.special !== "") return undefined;
      found = this.#property(found.value, step.key);
    }
    return found;
  }

  #property(of: unknown, key: string): Found | undefined {
    if (typeof of === "string" && key === "length") return { value: of.length, special: "" };
    let level = levelOf(of);
    for (let i = 0; i < MAX_LEVELS && level !== null; i++) {
      if (this.#isProxy(level)) return { value: level, special: SPECIAL.proxy };
      const own = getOwnPropertyDescriptor(level, key);
      if (own !== undefined) return this.#read(own);
      level = getPrototypeOf(level);
    }
    return undefined;
  }

  #read(own: Descriptor): Found {
    if (!hasOwn(own, "value")) {
      const special = own.get === undefined
        ? SPECIAL.setter
        : own.set === undefined
        ? SPECIAL.getter
        : SPECIAL.both;
      return { value: undefined, special };
    }
    return { value: own.value, special: this.#isProxy(own.value) ? SPECIAL.proxy : "" };
  }

  // ── members ────────────────────────────────────────────────────────────────────────────────

  #members({ path, prefix, namesOnly }: Question): unknown {
    const names: string[] = [];
    const start = this.#find(path);
    if (start === undefined || start.special !== "") return names;
    const seen = new PrimordialSet<string>();
    let room = MAX_NAME_CHARACTERS;
    let level = levelOf(start.value);
    for (let i = 0; i < MAX_LEVELS && level !== null && !this.#isProxy(level); i++) {
      const keys = isLong(level) ? [] : ownKeys(level);
      for (let k = 0; k < keys.length && names.length < MAX_NAMES && room > 0; k++) {
        const key = keys[k];
        if (typeof key !== "string" || !startsWith(key, prefix) || setHas(seen, key)) continue;
        if (namesOnly && !isIdentifier(key)) continue;
        setAdd(seen, key);
        append(names, key);
        room -= key.length + 4;
      }
      level = getPrototypeOf(level);
    }
    return names;
  }

  // ── describing ─────────────────────────────────────────────────────────────────────────────

  #describe({ path, parts }: Question): Described {
    const found = this.#find(path);
    const short = found === undefined ? { type: "", text: "" } : this.#short(found);
    const isOpen = found !== undefined && found.special === "";
    const value = isOpen ? found.value : undefined;
    const isFunction = typeof value === "function";
    const shown: [string, ShortValue][] = [];
    const isCut = isOpen && this.#listParts(value, parts, shown);
    return {
      found: found !== undefined,
      ...short,
      source: isFunction ? stringSlice(functionText(value), 0, MAX_SOURCE) : "",
      name: isFunction ? this.#text(value, "name") : "",
      length: isFunction ? this.#number(value, "length") : 0,
      parts: shown,
      isCut,
    };
  }

  /** Own properties of an object, as many as there is room for. Returns whether there are more. */
  #listParts(value: unknown, room: number, into: [string, ShortValue][]): boolean {
    if (typeof value !== "object" && typeof value !== "function" || value === null) return false;
    const typed = typedArrayName(value) !== undefined;
    if (typed || isArray(value)) return this.#listElements(value, room, into);
    const keys = ownKeys(value);
    for (let k = 0; k < keys.length; k++) {
      const key = keys[k] as PropertyKey;
      const own = getOwnPropertyDescriptor(value, key);
      if (own === undefined || (typeof value === "function" && own.enumerable !== true)) continue;
      if (into.length >= room) return true;
      const name = typeof key === "symbol" ? symbolText(key) : PrimordialString(key);
      append(into, [stringSlice(name, 0, MAX_TEXT), this.#short(this.#read(own))]);
    }
    return false;
  }

  #listElements(value: object, room: number, into: [string, ShortValue][]): boolean {
    const length = lengthOf(value);
    for (let i = 0; i < length && i < room; i++) {
      const own = getOwnPropertyDescriptor(value, PrimordialString(i));
      const short = own === undefined ? { type: "empty", text: "" } : this.#short(this.#read(own));
      append(into, [PrimordialString(i), short]);
    }
    return length > room;
  }

  #short({ value, special }: Found): ShortValue {
    if (special !== "") return { type: special, text: "" };
    switch (typeof value) {
      case "string":
        return { type: "string", text: stringSlice(value, 0, MAX_TEXT + 1) };
      case "bigint":
        return { type: "bigint", text: bigintShort(value) };
      case "symbol":
        return { type: "symbol", text: stringSlice(symbolText(value), 0, MAX_TEXT) };
      case "function":
        return { type: "function", text: stringSlice(this.#text(value, "name"), 0, MAX_TEXT) };
      case "object":
        return value === null ? { type: "null", text: "null" } : this.#object(value);
      default:
        return { type: typeof value, text: PrimordialString(value) };
    }
  }

  #object(value: object): ShortValue {
    const typed = typedArrayName(value);
    if (typed !== undefined) return { type: `${typed}(${typedArrayLength(value)})`, text: "" };
    const type = this.#className(value);
    if (isArray(value)) return { type: `${type}(${lengthOf(value)})`, text: "" };
    for (let i = 0; i < BRANDS.length; i++) {
      try {
        return (BRANDS[i] as typeof BRANDS[number])(value, type);
      } catch {
        // It is none of these.
      }
    }
    return { type, text: "" };
  }

  /** The name that an object's class says it has, "Object" where it says none. */
  #className(value: object): string {
    const made = this.#property(value, "constructor");
    if (made === undefined || made.special !== "" || typeof made.value !== "function") return "Object";
    const name = this.#text(made.value, "name");
    return name === "" ? "Object" : stringSlice(name, 0, MAX_TEXT);
  }

  #text(of: unknown, key: string): string {
    const found = this.#property(of, key);
    return typeof found?.value === "string" ? found.value : "";
  }

  #number(of: unknown, key: string): number {
    const found = this.#property(of, key);
    return typeof found?.value === "number" ? found.value : 0;
  }
}

/** Each throws where the object is not of its kind, whatever the object says of itself. */
const BRANDS: readonly ((value: object, type: string) => ShortValue)[] = [
  (value, type) => ({ type: `${type}(${mapSize(value)})`, text: "" }),
  (value, type) => ({ type: `${type}(${setSize(value)})`, text: "" }),
  (value, type) => {
    const time = dateTime(value);
    return { type, text: time === time ? isoText(value) : "Invalid Date" };
  },
  (value, type) => ({
    type,
    text: stringSlice(`/${regExpSource(value)}/${regExpFlags(value)}`, 0, MAX_TEXT),
  }),
];

/** The first digits of a BigInt; of a huge one they would take long to find. */
function bigintShort(value: bigint): string {
  if (hasMoreBits(value, SHOWN_BITS)) return `(more than ${SHOWN_BITS} bits)`;
  return stringSlice(bigintText(value), 0, MAX_TEXT) + "n";
}

/** The object at which looking for a value's properties begins. */
function levelOf(value: unknown): object | null {
  if (value === null || value === undefined) return null;
  return typeof value === "object" || typeof value === "function" ? value : PROTOTYPES[typeof value] ?? null;
}

/** Whether most of an object's keys are indexes, and many. */
function isLong(value: object): boolean {
  if (typedArrayName(value) !== undefined) return true;
  return isArray(value) && lengthOf(value) > MAX_INDEXES;
}

function lengthOf(value: object): number {
  if (typedArrayName(value) !== undefined) return typedArrayLength(value);
  return getOwnPropertyDescriptor(value, "length")?.value as number;
}

function startsWith(text: string, prefix: string): boolean {
  if (prefix.length > text.length) return false;
  for (let i = 0; i < prefix.length; i++) if (charCodeAt(text, i) !== charCodeAt(prefix, i)) return false;
  return true;
}

/** Adds to a list, whatever `Array.prototype` has at that index by now. */
function append<T>(list: T[], value: T): void {
  const property = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
  defineProperty(list, list.length, property as Descriptor);
}
