/**
 * The query language of `db_request`: `{key: value}` is equality, `{key: {"$op": argument}}` a test; all must hold. Operators have the
 * meaning that their names say, also where ipyparallel's stores have bugs, and the same in every store:
 *
 * - A key without a value is null. Null equals null only, so `$ne` and `$nin` hold for it; it is never less or greater than anything,
 *   and no `$glob` or `$mod` fits it.
 * - Text that looks like a time is a time, wherever it stands in a query: compared as a moment, to the microsecond.
 * - Order is between two times, two texts or two numbers; asking for anything else is a TypeError. `label` may hold any value, and below a key of
 *   an object (`metadata.retries`) anything may stand: there, what cannot be compared does not match.
 */

import { compareNumbers, isNumber, modulo } from "./exact_numbers.ts";
import { glob } from "./glob.ts";
import { isRecordKey, kindOf, type RecordKey } from "./record_keys.ts";
import { keyError, quoted, RequestError } from "./request_error.ts";
import { looksLikeTime, parseTime } from "./times.ts";

/** One test of one key. */
export interface Condition {
  readonly key: RecordKey;
  /** The way from the key's value to what is tested; mostly empty. */
  readonly path: readonly string[];
  readonly op: Operator;
  readonly argument: unknown;
  /** Whether a value passes. */
  test(value: unknown): boolean;
}

type Test = (value: unknown) => boolean;

/** Tests that a query may have. */
const MAX_CONDITIONS = 256;

const ORDERS = { $lt: "<", $lte: "<=", $gt: ">", $gte: ">=" } as const;

/** What each operator makes of its argument. */
const OPERATORS = {
  $eq: (argument: unknown): Test => (value) => isEqual(value, argument),
  $ne: (argument: unknown): Test => (value) => !isEqual(value, argument),
  $lt: (argument: unknown): Test => (value) => compare(value, argument) < 0,
  $lte: (argument: unknown): Test => (value) => compare(value, argument) <= 0,
  $gt: (argument: unknown): Test => (value) => compare(value, argument) > 0,
  $gte: (argument: unknown): Test => (value) => compare(value, argument) >= 0,
  $in: (argument: unknown): Test => {
    const items = listOf("$in", argument);
    return (value) => items.some((item) => isEqual(value, item));
  },
  $nin: (argument: unknown): Test => {
    const items = listOf("$nin", argument);
    return (value) => !items.some((item) => isEqual(value, item));
  },
  $all: (argument: unknown): Test => {
    const items = listOf("$all", argument);
    return (value) => items.every((item) => isIn(value, item));
  },
  $mod: (argument: unknown): Test => {
    const [divisor, remainder] = modArgument(argument);
    return (value) => isNumber(value) && isEqual(modulo(value, divisor), remainder);
  },
  $exists: (argument: unknown): Test => (value) => (value !== null) === Boolean(argument),
  $glob: (argument: unknown): Test => {
    if (typeof argument !== "string") throw typeError("argument of $glob must be text");
    const fits = glob(argument);
    return (value) => typeof value === "string" && fits(value);
  },
};

type Operator = keyof typeof OPERATORS;

/**
 * Reads a query.
 * @throws RequestError (KeyError, TypeError, ValueError, ZeroDivisionError) that names what is wrong
 */
export function parseQuery(query: unknown): Condition[] {
  if (!isObject(query)) throw typeError("query must be an object");
  const conditions: Condition[] = [];
  for (const [name, test] of Object.entries(query)) {
    const target = targetOf(name);
    if (!isObject(test)) conditions.push(condition(target, "$eq", test));
    // No test at all holds, as in ipyparallel.
    else for (const [op, argument] of Object.entries(test)) conditions.push(condition(target, op, argument));
  }
  if (conditions.length > MAX_CONDITIONS) {
    throw new RequestError("ValueError", `query has more than ${MAX_CONDITIONS} conditions`);
  }
  return conditions;
}

/** `key`, or `key.name.name` below a key that holds an object. */
function targetOf(name: string): Pick<Condition, "key" | "path"> {
  const [key = "", ...path] = name.split(".");
  if (!isRecordKey(key) || (path.length > 0 && kindOf(key) !== "object")) {
    throw keyError(`Illegal testing key(s): {${quoted(name)}}`);
  }
  if (kindOf(key) === "buffers") {
    throw typeError(`${quoted(key)} cannot be tested: name it in keys to get the buffers of what is found`);
  }
  return { key, path };
}

function condition(target: Pick<Condition, "key" | "path">, op: string, argument: unknown): Condition {
  if (!isOperator(op)) throw keyError(`Unsupported operator: ${quoted(op)}`);
  checkTypes(target, op, argument);
  return { ...target, op, argument, test: OPERATORS[op](argument) };
}

/** What a client asks must not name a day that never was: it would find nothing, or what another day has. @throws RequestError (ValueError) */
export function checkTimes(argument: unknown): void {
  if (typeof argument === "string") {
    if (looksLikeTime(argument) && parseTime(argument) === undefined) {
      throw new RequestError(
        "ValueError",
        `${quoted(argument)} is no time: there is no such day, hour or zone`,
      );
    }
  } else if (typeof argument === "object" && argument !== null) Object.values(argument).forEach(checkTimes);
}

/** @throws RequestError (TypeError) if values of the key have no order with this argument, or are no text that a pattern could fit */
function checkTypes({ key, path }: Pick<Condition, "key" | "path">, op: Operator, argument: unknown): void {
  const kind = path.length > 0 ? "anything" : kindOf(key);
  if (op === "$glob" && kind === "object") {
    throw typeError(`${op} takes a key of text, and '${key}' holds an object`);
  }
  if (!isOrder(op)) return;
  const type = argument === null
    ? "null"
    : Array.isArray(argument)
    ? "list"
    : isNumber(argument)
    ? "number"
    : typeof argument;
  const isTime = typeof argument === "string" && parseTime(argument) !== undefined;
  const isRight = kind === "text"
    ? type === "string"
    : kind === "time"
    ? isTime
    : kind === "number"
    ? type === "number"
    : kind === "anything" && (type === "string" || type === "number");
  if (isRight) return;
  throw typeError(`'${ORDERS[op]}' not supported between '${key}', which holds ${NOUNS[kind]}, and ${type}`);
}

const NOUNS = {
  text: "text",
  number: "a number",
  time: "a time",
  object: "an object",
  buffers: "buffers",
  anything: "any value",
};

function isOperator(op: string): op is Operator {
  return Object.hasOwn(OPERATORS, op);
}

function isOrder(op: string): op is keyof typeof ORDERS {
  return Object.hasOwn(ORDERS, op);
}

function typeError(text: string): RequestError {
  return new RequestError("TypeError", text);
}

/** Whether a record, asked for its fields, passes all conditions. */
export function matches(conditions: readonly Condition[], field: (key: RecordKey) => unknown): boolean {
  return conditions.every(({ key, path, test }) => test(valueAt(field(key), path)));
}

/** What stands at the end of a path, or null. */
function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return null;
    at = (at as Record<string, unknown>)[name];
  }
  return at ?? null;
}

/** msg_ids that alone can match, or undefined where the query does not say. */
export function askedIds(conditions: readonly Condition[]): string[] | undefined {
  for (const { key, op, argument } of conditions) {
    if (key !== "msg_id" || (op !== "$eq" && op !== "$in")) continue;
    const ids = (Array.isArray(argument) ? argument : [argument]).filter((id) => typeof id === "string");
    if (ids.every(isPlainText)) return [...new Set(ids)];
  }
  return undefined;
}

/** Whether only the very same text equals this one: it is not a time, which could be written otherwise. */
export function isPlainText(text: unknown): text is string {
  return typeof text === "string" && parseTime(text) === undefined;
}

/** Equality of JSON values; times that are written differently are equal if they are the same moment. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0;
  if (typeof a === "string" && typeof b === "string") {
    const time = parseTime(a);
    return time !== undefined && time === parseTime(b);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

/** Negative, 0, positive, or NaN where the two have no order (null among them). */
function compare(a: unknown, b: unknown): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a !== "string" || typeof b !== "string") return NaN;
  const times = [parseTime(a), parseTime(b)] as const;
  if (times[0] !== undefined || times[1] !== undefined) return (times[0] ?? NaN) - (times[1] ?? NaN);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether `container` has the value; of a list of values, whether that has the item, as MongoDB's `$all`. */
function isIn(value: unknown, container: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => isEqual(item, container));
  if (Array.isArray(container)) return container.some((item) => isEqual(value, item));
  if (typeof container === "string") return typeof value === "string" && container.includes(value);
  if (isObject(container)) return typeof value === "string" && Object.hasOwn(container, value);
  return isEqual(value, container);
}

function listOf(op: string, argument: unknown): readonly unknown[] {
  if (Array.isArray(argument)) return argument;
  throw typeError(`argument of ${op} must be a list`);
}

function modArgument(argument: unknown): readonly [number | bigint, number | bigint] {
  const [divisor, remainder] = listOf("$mod", argument);
  if (!isNumber(divisor) || !isNumber(remainder)) {
    throw typeError("argument of $mod must be a list of two numbers");
  }
  if (Number(divisor) === 0) throw new RequestError("ZeroDivisionError", "$mod by zero");
  return [divisor, remainder];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
