/** The shape of what messages say: which keys there are, and of which types the values are. */

/** The shape of a value: leaves are names of types, a list has one entry for each kind of element. */
export type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

/** Keys that name a task or an engine stand for all of their kind. */
const TASK_ID = /^[\w-]+_\d+_\d+(_[\w-]+)?$/;
const ENGINE_ID = /^\d+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** What a value looks like. Whole numbers and fractions are not told apart: JSON does not. */
export function shapeOf(value: unknown): Shape {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return TIME.test(value) ? "time" : "text";
  if (Array.isArray(value)) {
    const kinds = new Map(value.map((item) => [JSON.stringify(shapeOf(item)), shapeOf(item)]));
    return [...kinds.keys()].sort().map((kind) => kinds.get(kind)!);
  }
  if (typeof value !== "object") return typeof value;
  const entries = Object.entries(value).map(([key, item]) => [placeholder(key), shapeOf(item)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

function placeholder(key: string): string {
  return TASK_ID.test(key) ? "<task>" : ENGINE_ID.test(key) ? "<engine>" : key;
}

/** Where two shapes differ, a line for each place: `.content.engines: {…} expected, "text" found`. */
export function differences(expected: Shape, found: Shape, path = ""): string[] {
  if (JSON.stringify(expected) === JSON.stringify(found)) return [];
  if (typeof expected !== "string" && typeof found !== "string" && !isKeyed(expected) && !isKeyed(found)) {
    return listDifferences(expected as readonly Shape[], found as readonly Shape[], path);
  }
  if (!isKeyed(expected) || !isKeyed(found)) {
    return [`${path}: ${JSON.stringify(expected)} expected, ${JSON.stringify(found)} found`];
  }
  // A table of tasks or engines may be empty.
  if (isTable(expected) && isTable(found)) {
    const [left, right] = [Object.values(expected)[0], Object.values(found)[0]];
    return left === undefined || right === undefined ? [] : differences(left, right, `${path}.<key>`);
  }
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return keys.flatMap((key) => {
    const [left, right] = [expected[key], found[key]];
    if (left === undefined) return [`${path}.${key}: not expected, ${JSON.stringify(right)} found`];
    if (right === undefined) return [`${path}.${key}: ${JSON.stringify(left)} expected, nothing found`];
    return differences(left, right, `${path}.${key}`);
  });
}

/** Elements are compared in pairs where only one kind is left on each side, else by their whole shapes. */
function listDifferences(expected: readonly Shape[], found: readonly Shape[], path: string): string[] {
  const texts = (list: readonly Shape[]) => new Set(list.map((shape) => JSON.stringify(shape)));
  const [wanted, seen] = [texts(expected), texts(found)];
  const missing = expected.filter((shape) => !seen.has(JSON.stringify(shape)));
  const extra = found.filter((shape) => !wanted.has(JSON.stringify(shape)));
  if (missing.length === 1 && extra.length === 1) return differences(missing[0]!, extra[0]!, `${path}[]`);
  return [
    ...missing.map((shape) => `${path}[]: ${JSON.stringify(shape)} expected, not found`),
    ...extra.map((shape) => `${path}[]: ${JSON.stringify(shape)} found, not expected`),
  ];
}

function isKeyed(shape: Shape): shape is { readonly [key: string]: Shape } {
  return typeof shape === "object" && !Array.isArray(shape);
}

function isTable(shape: { readonly [key: string]: Shape }): boolean {
  return Object.keys(shape).every((key) => key.startsWith("<"));
}
