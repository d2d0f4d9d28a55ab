/**
 * Errors as text: class name, message and stack of whatever a task may have thrown. Everything here may meet getters that throw,
 * proxies and texts without end, and returns something short in any case.
 */
import {
  charCodeAt,
  defineProperty,
  ERROR_NAMES,
  ERROR_PROTOTYPES,
  getPrototypeOf,
  hasOwn,
  isPrototypeOf,
  PrimordialString,
  stringIndexOf,
  stringSlice,
} from "./primordials.ts";
import { DOM_EXCEPTION } from "./values_tags.ts";

/** Most characters of a message or a stack. */
export const MAX_ERROR_TEXT = 64 << 10;
const MAX_NAME = 200;
const MAX_LINES = 1000;
/** The digits of a BigInt of more bits take long to find. */
export const SHOWN_BITS = 65_536n;

/** What can be said of a thrown value. */
export interface ErrorText {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** The first characters of a text that is too long. */
export function cut(text: string, most = MAX_ERROR_TEXT): string {
  return text.length > most ? stringSlice(text, 0, most) : text;
}

/** Place of an error's nearest built-in class in ERROR_CLASSES. */
export function errorKind(error: object): number {
  for (let kind = ERROR_PROTOTYPES.length - 1; kind > 0; kind--) {
    if (isPrototypeOf(ERROR_PROTOTYPES[kind] as object, error)) return kind;
  }
  return 0;
}

/** The name of an error's class: what it calls itself, or its constructor's name if it only calls itself by a built-in one. */
export function errorName(error: object): string {
  const builtIn = builtInName(error);
  if (builtIn !== undefined) return builtIn;
  const own = textOf(error, "name");
  if (own !== undefined && own !== "" && !isBuiltIn(own)) return cut(own, MAX_NAME);
  const constructor = textOf(propertyOf(error, "constructor"), "name");
  if (constructor !== undefined && constructor !== "" && constructor !== "Object") {
    return cut(constructor, MAX_NAME);
  }
  return own === undefined || own === "" ? "Error" : own;
}

/** The class of a plain instance of a built-in one, which needs no property of it. */
function builtInName(error: object): string | undefined {
  try {
    if (hasOwn(error, "name")) return undefined;
    const prototype = getPrototypeOf(error);
    for (let i = 0; i < DOM_EXCEPTION; i++) if (ERROR_PROTOTYPES[i] === prototype) return ERROR_NAMES[i];
    return undefined;
  } catch {
    return undefined;
  }
}

/** Describes a thrown value. Never throws. */
export function errorText(thrown: unknown): ErrorText {
  if (typeof thrown !== "object" && typeof thrown !== "function" || thrown === null) {
    return { ename: thrown === null ? "null" : typeof thrown, evalue: primitiveText(thrown), traceback: [] };
  }
  const message = textOf(thrown, "message");
  const stack = textOf(thrown, "stack");
  return {
    ename: errorName(thrown),
    evalue: message === undefined ? "(a thrown value that is no Error)" : cut(message),
    traceback: stack === undefined ? [] : lines(cut(stack)),
  };
}

/** One line on a thrown value, for a message of ours. Never throws. */
export function errorLine(thrown: unknown): string {
  const { ename, evalue } = errorText(thrown);
  return `${ename}: ${cut(evalue, 500)}`;
}

function isBuiltIn(name: string): boolean {
  for (let i = 0; i < ERROR_NAMES.length; i++) if (ERROR_NAMES[i] === name) return true;
  return false;
}

/** Whether a BigInt's magnitude takes more than so many bits. Costs no more than its length, other than its digits. */
export function hasMoreBits(value: bigint, bits: bigint): boolean {
  const above = value >> bits;
  return above !== 0n && above !== -1n;
}

function primitiveText(value: unknown): string {
  try {
    if (typeof value === "bigint" && hasMoreBits(value, SHOWN_BITS)) {
      return `(a BigInt of more than ${SHOWN_BITS} bits)`;
    }
    return cut(PrimordialString(value));
  } catch {
    return "(cannot be shown)";
  }
}

/** A property, or undefined if it cannot be had. */
function propertyOf(object: unknown, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** A property that is text, or undefined if it is not or cannot be had. */
export function textOf(object: unknown, key: string): string | undefined {
  const value = propertyOf(object, key);
  return typeof value === "string" ? value : undefined;
}

function lines(text: string): string[] {
  const found: string[] = [];
  let from = 0;
  while (from <= text.length && found.length < MAX_LINES) {
    const at = stringIndexOf(text, "\n", from);
    const to = at < 0 ? text.length : at;
    put(found, stringSlice(text, from, charCodeAt(text, to - 1) === 13 && to > from ? to - 1 : to));
    from = to + 1;
  }
  return found;
}

/** Appends an own item, whatever setters an array's prototype has by now. */
export function put<T>(list: T[], value: T): void {
  defineProperty(
    list,
    list.length,
    { value, writable: true, enumerable: true, configurable: true, __proto__: null } as PropertyDescriptor,
  );
}
