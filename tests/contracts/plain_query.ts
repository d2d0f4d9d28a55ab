/**
 * The query language once more, as simply as it can be said, over plain records: what the stores' answers are compared with. It shares
 * nothing with `src/hub/query_match.ts`.
 */

type Plain = Readonly<Record<string, unknown>>;

/** Whether a record, as `db_reply` has it, is what a (valid) query asks for. */
export function isAsked(query: Plain, record: Plain): boolean {
  return Object.entries(query).every(([name, wanted]) => {
    const value = name.split(".").reduce<unknown>((at, part) => (at as Plain | null)?.[part] ?? null, record);
    if (!isDictionary(wanted)) return same(value, wanted);
    return Object.entries(wanted).every(([op, argument]) => holds(op, value, argument));
  });
}

function holds(op: string, value: unknown, argument: unknown): boolean {
  const list = argument as unknown[];
  switch (op) {
    case "$eq":
      return same(value, argument);
    case "$ne":
      return !same(value, argument);
    case "$lt":
      return order(value, argument) === "<";
    case "$gt":
      return order(value, argument) === ">";
    case "$lte":
      return ["<", "="].includes(order(value, argument));
    case "$gte":
      return [">", "="].includes(order(value, argument));
    case "$in":
      return list.some((item) => same(value, item));
    case "$nin":
      return list.every((item) => !same(value, item));
    case "$all":
      return list.every((item) => has(item, value));
    case "$mod":
      return Number.isInteger(value) && modulo(value as number, list[0] as number) === list[1];
    case "$exists":
      return argument ? value !== null : value === null;
    case "$glob":
      return typeof value === "string" && fits([...argument as string], [...value]);
    default:
      throw new Error(`no operator ${op}`);
  }
}

/** Microseconds of a time's text, else the value as it is. */
function plain(value: unknown): unknown {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)) {
    return value;
  }
  const [whole = "", rest = ""] = value.split(/\.(?=\d)/);
  const fraction = /^\d*/.exec(rest)![0], zone = rest.slice(fraction.length);
  return BigInt(Date.parse(whole + zone)) * 1000n + BigInt(fraction.padEnd(6, "0") || "0");
}

function same(a: unknown, b: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, item) => {
      const made = plain(item);
      if (typeof made === "bigint") return { time: String(made) };
      return isDictionary(made) ? Object.fromEntries(Object.entries(made).sort()) : made;
    });
  return text(a) === text(b);
}

function order(a: unknown, b: unknown): "<" | "=" | ">" | "none" {
  const x = plain(a) as string, y = plain(b) as string;
  if (x === null || y === null || typeof x !== typeof y) return "none";
  return x < y ? "<" : x > y ? ">" : "=";
}

function has(container: unknown, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => same(item, container));
  if (Array.isArray(container)) return container.some((item) => same(item, value));
  if (typeof container === "string" && typeof value === "string") return container.includes(value);
  return same(container, value);
}

function modulo(a: number, b: number): number {
  return a - b * Math.floor(a / b);
}

/** A shell pattern of `*`, `?` and letters. */
function fits(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === "*") return fits(rest, text) || (text.length > 0 && fits(pattern, text.slice(1)));
  return text.length > 0 && (first === "?" || first === text[0]) && fits(rest, text.slice(1));
}

function isDictionary(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
