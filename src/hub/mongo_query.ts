/** What a query's conditions mean for MongoDB's collections: filters that are never narrower than the conditions themselves. */

import { type Condition, isPlainText } from "./query_match.ts";
import { parseTime } from "./times.ts";

type Filter = Record<string, unknown>;

const COMPARISONS: ReadonlySet<string> = new Set(["$eq", "$lt", "$lte", "$gt", "$gte"]);

/** For submissions of groups' tasks. */
export function groupFilter(conditions: readonly Condition[]): Filter {
  return all(conditions, (condition) => {
    const { key } = condition;
    if (key === "submitted") return timePart("submitted", condition);
    return key === "client_uuid" || key === "queue" ? equality(condition) : undefined;
  });
}

/** Whether only tasks that have ended can meet the conditions. */
export function needsResult(conditions: readonly Condition[]): boolean {
  return conditions.some(({ key, op, argument }) => {
    if (key !== "completed" && key !== "received") return false;
    if (op === "$ne") return argument === null;
    if (op === "$exists") return Boolean(argument);
    return COMPARISONS.has(op) && argument !== null;
  });
}

/** For results of groups' tasks. */
export function resultFilter(conditions: readonly Condition[]): Filter {
  return all(conditions, (condition) => {
    if (condition.key === "completed") return timePart("completed", condition);
    if (condition.key !== "engine_uuid") return undefined;
    const part = equality(condition);
    // Of a result that names no engine the submission does.
    return part && { engine_uuid: { $in: [condition.argument, null] } };
  });
}

/** For records of peers' tasks. */
export function messageFilter(conditions: readonly Condition[]): Filter {
  return all(conditions, (condition) => {
    const { key } = condition;
    if (key === "submitted" || key === "completed") {
      return nullPart(key, condition) ?? timePart(key, condition);
    }
    return key === "client_uuid" || key === "engine_uuid" || key === "queue"
      ? equality(condition)
      : undefined;
  });
}

function all(conditions: readonly Condition[], part: (condition: Condition) => Filter | undefined): Filter {
  const plain = conditions.filter(({ path }) => path.length === 0);
  const parts = plain.map(part).filter((filter) => filter !== undefined);
  return parts.length > 1 ? { $and: parts } : parts[0] ?? {};
}

function equality({ key, op, argument }: Condition): Filter | undefined {
  return op === "$eq" && isPlainText(argument) ? { [key]: argument } : undefined;
}

function nullPart(field: string, { op, argument }: Condition): Filter | undefined {
  if (argument !== null || (op !== "$eq" && op !== "$ne")) return undefined;
  return { [field]: { [op]: null } };
}

function timePart(field: string, { op, argument }: Condition): Filter | undefined {
  const time = typeof argument === "string" ? parseTime(argument) : undefined;
  return COMPARISONS.has(op) && time !== undefined ? { [field]: { [op]: time } } : undefined;
}
