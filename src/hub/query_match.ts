/**
 * The query language of `db_request`: `{key: value}` is equality, `{key: {"$op": argument}}` a test; all must hold.
 * Operators have the meaning that their names say, also where ipyparallel's stores have bugs.
 */

import { keyError, RequestError } from "./request_error.ts";
import { parseTime } from "./times.ts";

/** The keys of a record, in ipyparallel's order; the last two are extras. */
export const RECORD_KEYS = [
  "msg_id",
  "header",
  "metadata",
  "content",
  "buffers",
  "submitted",
  "client_uuid",
  "engine_uuid",
  "started",
  "completed",
  "resubmitted",
  "received",
  "result_header",
  "result_metadata",
  "result_content",
  "result_buffers",
  "queue",
  "execute_input",
  "execute_result",
  "error",
  "stdout",
  "stderr",
  "label",
  "display_data",
  "status",
] as const;

export type RecordKey = typeof RECORD_KEYS[number];

const KEYS: ReadonlySet<string> = new Set(RECORD_KEYS);

export function isRecordKey(key: string): key is RecordKey {
  return KEYS.has(key);
}

/** One test of one key. */
export interface Condition {
  readonly key: RecordKey;
  readonly op: Operator;
  readonly argument: unknown;
}

type Operator = keyof typeof OPERATORS;

/** Tests in a query and depth of values in it that are looked at. */
const MAX_CONDITIONS = 256;

const OPERATORS = {
  $eq: (value: unknown, argument: unknown) => isEqual(value, argument),
  $ne: (value: unknown, argument: unknown) => !isEqual(value, argument),
  $lt: (value: unknown, argument: unknown) => compare(value, argument) < 0,
  $lte: (value: unknown, argument: unknown) => compare(value, argument) <= 0,
  $gt: (value: unknown, argument: unknown) => compare(value, argument) > 0,
  $gte: (value: unknown, argument: unknown) => compare(value, argument) >= 0,
  $in: (value: unknown, argument: unknown) => asList(argument).some((item) => isEqual(value, item)),
  $nin: (value: unknown, argument: unknown) => !asList(argument).some((item) => isEqual(value, item)),
  $all: (value: unknown, argument: unknown) => asList(argument).every((item) => isIn(value, item)),
  $mod: (value: unknown, argument: unknown) => isRemainder(value, asList(argument)),
  $exists: (value: unknown, argument: unknown) => (value !== null) === Boolean(argument),
  $glob: (value: unknown, argument: unknown) =>
    typeof value === "string" && glob(String(argument)).test(value),
};

/**
 * Reads a query.
 * @throws RequestError (KeyError, TypeError, ValueError) that names what is wrong
 */
export function parseQuery(query: unknown): Condition[] {
  if (!isObject(query)) throw new RequestError("TypeError", "query must be an object");
  const conditions: Condition[] = [];
  for (const [key, test] of Object.entries(query)) {
    if (!isRecordKey(key)) throw keyError(key);
    if (!isObject(test)) conditions.push({ key, op: "$eq", argument: test });
    else if (Object.keys(test).length === 0) conditions.push({ key, op: "$eq", argument: test });
    else for (const [op, argument] of Object.entries(test)) conditions.push(condition(key, op, argument));
  }
  if (conditions.length > MAX_CONDITIONS) {
    throw new RequestError("ValueError", `query has more than ${MAX_CONDITIONS} conditions`);
  }
  return conditions;
}

function condition(key: RecordKey, op: string, argument: unknown): Condition {
  if (!isOperator(op)) throw keyError(op);
  if ((op === "$in" || op === "$nin" || op === "$all" || op === "$mod") && !Array.isArray(argument)) {
    throw new RequestError("TypeError", `argument of ${op} for ${quotedKey(key)} must be a list`);
  }
  if ((op === "$lt" || op === "$lte" || op === "$gt" || op === "$gte") && argument === null) {
    throw new RequestError("TypeError", `argument of ${op} for ${quotedKey(key)} must not be null`);
  }
  if (op === "$glob" && typeof argument !== "string") {
    throw new RequestError("TypeError", `argument of $glob for ${quotedKey(key)} must be text`);
  }
  return { key, op, argument };
}

const quotedKey = (key: string) => `"${key}"`;

function isOperator(op: string): op is Operator {
  return Object.hasOwn(OPERATORS, op);
}

/** Whether a record, asked for its fields, passes all conditions. */
export function matches(conditions: readonly Condition[], field: (key: RecordKey) => unknown): boolean {
  return conditions.every(({ key, op, argument }) => OPERATORS[op](field(key) ?? null, argument));
}

/** msg_ids that alone can match, or undefined where the query does not say. */
export function askedIds(conditions: readonly Condition[]): string[] | undefined {
  for (const { key, op, argument } of conditions) {
    if (key !== "msg_id") continue;
    if (op === "$eq") return typeof argument === "string" ? [argument] : [];
    if (op === "$in") return [...new Set(asList(argument).filter((id) => typeof id === "string"))];
  }
  return undefined;
}

/** Equality of JSON values; times that are written differently are equal if they are the same moment. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
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
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== "string" || typeof b !== "string") return NaN;
  const times = [parseTime(a), parseTime(b)] as const;
  if (times[0] !== undefined && times[1] !== undefined) return times[0] - times[1];
  return a < b ? -1 : a > b ? 1 : 0;
}

function isIn(value: unknown, container: unknown): boolean {
  if (Array.isArray(container)) return container.some((item) => isEqual(value, item));
  if (typeof container === "string") return typeof value === "string" && container.includes(value);
  return isObject(container) && typeof value === "string" && Object.hasOwn(container, value);
}

function isRemainder(value: unknown, [divisor, remainder]: readonly unknown[]): boolean {
  if (typeof value !== "number" || typeof divisor !== "number" || typeof remainder !== "number") return false;
  return ((value % divisor) + divisor) % divisor === remainder;
}

/** A shell pattern (`*`, `?`, `[seq]`, `[!seq]`) as a regular expression over the whole text. */
function glob(pattern: string): RegExp {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    const end = char === "[" ? pattern.indexOf("]", i + 2) : -1;
    if (char === "*") source += source.endsWith("[^]*") ? "" : "[^]*";
    else if (char === "?") source += "[^]";
    else if (end < 0) source += char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
    else {
      source += set(pattern.slice(i + 1, end));
      i = end;
    }
  }
  try {
    return new RegExp(`^(?:${source})$`);
  } catch {
    throw new RequestError("ValueError", `$glob cannot read "${pattern}"`);
  }
}

function set(inside: string): string {
  const isNegated = inside.startsWith("!");
  const text = (isNegated ? inside.slice(1) : inside).replace(/[\\^\][]/g, "\\$&");
  return `[${isNegated ? "^" : ""}${text}]`;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
