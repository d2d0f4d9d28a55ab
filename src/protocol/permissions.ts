/**
 * What tasks may do, as data: sets of permissions in Deno's own names and syntax, and their algebra. Pure.
 *
 * An engine's ceiling, a client's cap and a task's request are each a set; what a task gets is their intersection. A denied value goes before
 * an allowed one, and denials of all sides add up.
 */
import { didYouMean } from "../base/options.ts";
import { type Base, SECRET_VARIABLES, VALUE_KINDS, type ValueKind } from "./permission_values.ts";

export { SCRATCH } from "./permission_values.ts";

/** A kind of permission, by Deno's name for it. */
export type PermissionName = "read" | "write" | "net" | "env" | "run" | "sys" | "import" | "ffi";

/** In Deno's order. */
export const PERMISSION_NAMES = [
  "read",
  "write",
  "net",
  "env",
  "run",
  "sys",
  "import",
  "ffi",
] as const satisfies readonly PermissionName[];

/** `true`: everything of its kind; a list: these, in Deno's own syntax and canonical spelling, sorted, none within another. */
export type Values = true | readonly string[];

/** One permission: what is allowed, less what is denied. */
export interface Scope {
  readonly allow: Values;
  readonly deny: Values;
}

/** A complete set. Sets come from this file only, so that equal ones have equal texts. */
export type PermissionSet = Readonly<Record<PermissionName, Scope>>;

/** What is allowed, or denied, of each kind: everything (`true`), nothing (`false`), or these values in Deno's own syntax. */
export type PermissionLists = { readonly [Name in PermissionName]?: boolean | readonly string[] | undefined };

/** As users, profiles and records write it: what is missing is not asked for. A text is "none" or the name of a set of the engine's profile. */
export type PermissionRequest = string | (PermissionLists & { readonly deny?: PermissionLists | undefined });

/** A request that was read: a set, or the name of one. */
export type ReadRequest = PermissionSet | string;

/** One permission with one value; the value is empty where it is everything of its kind. */
export interface Excess {
  readonly permission: PermissionName;
  readonly value: string;
}

/** Most values of one list, and characters of one value: requests come from anybody, and lists are compared value by value. */
const MAX_VALUES = 128;
const MAX_LENGTH = 4096;

const NOTHING: Scope = { allow: [], deny: [] };

/** The set that is called "none". */
export const NO_PERMISSIONS: PermissionSet = setOf(() => NOTHING);

/** Everything, for walls' tests and as the neutral one of `intersect`. */
export const ALL_PERMISSIONS: PermissionSet = setOf(() => ({ allow: true, deny: [] }));

function setOf(scope: (name: PermissionName) => Scope): PermissionSet {
  const set: Partial<Record<PermissionName, Scope>> = {};
  for (const name of PERMISSION_NAMES) set[name] = scope(name);
  return set as PermissionSet;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────

/**
 * Reads what a user wrote.
 * @param where what it is called in an error: `permissions`, `engine.permissions`
 * @param base the folder of relative paths; null: there may be none
 * @throws TypeError naming the key, with a sentence
 */
export function readRequest(value: unknown, where: string, base: Base = null): ReadRequest {
  return typeof value === "string" ? readName(value, where) : readSet(value, where, base);
}

function readName(name: string, where: string): ReadRequest {
  if (name === "none") return NO_PERMISSIONS;
  if (/^[\w.-]{1,64}$/.test(name)) return name;
  throw new TypeError(
    `Cannot use ${JSON.stringify(name)} for "${where}": it takes "none", the name of a permission set ` +
      `(letters, digits, "_", "-" and "."), or an object like { net: ["example.org"] }`,
  );
}

/** As `readRequest`, without names. @throws TypeError */
export function readSet(value: unknown, where: string, base: Base = null): PermissionSet {
  const given = entriesOf(value, where);
  checkKeys(given, [...PERMISSION_NAMES, "deny"], where);
  const denied = given["deny"] === undefined ? {} : entriesOf(given["deny"], `${where}.deny`);
  checkKeys(denied, PERMISSION_NAMES, `${where}.deny`);
  return setOf((name) => {
    const allow = readValues(name, given[name], `${where}.${name}`, base);
    if (name === "env") refuseSecrets(allow, `${where}.env`);
    return normal(name, allow, readValues(name, denied[name], `${where}.deny.${name}`, base));
  });
}

/** @throws TypeError for a variable of the cluster's own, which nobody gets */
function refuseSecrets(variables: Values, where: string): void {
  const secret = variables === true ? undefined : variables.find((name) => SECRET_VARIABLES.test(name));
  if (secret === undefined) return;
  throw new TypeError(
    `Cannot use "${secret}" for "${where}": the cluster's own variables have its keys, and no task ever sees them`,
  );
}

function entriesOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new TypeError(
    `Cannot use ${show(value)} for "${where}": it takes an object like { net: ["example.org"] }`,
  );
}

function checkKeys(
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  where: string,
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known) || `: there are ${known.join(", ")}`;
    throw new TypeError(`Unknown permission "${where}.${key}"${hint}`);
  }
}

/** One list, or true or false, in canonical spelling. @throws TypeError */
export function readValues(name: PermissionName, value: unknown, where: string, base: Base): Values {
  if (value === undefined || value === false) return [];
  if (value === true) return true;
  if (!Array.isArray(value)) {
    throw new TypeError(`Cannot use ${show(value)} for "${where}": it takes true, false or a list of texts`);
  }
  if (value.length > MAX_VALUES) {
    throw new TypeError(`Cannot use ${value.length} values for "${where}": it takes at most ${MAX_VALUES}`);
  }
  const kind: ValueKind = VALUE_KINDS[name];
  const read = value.map((text: unknown) => readValue(kind, text, where, base));
  return read.includes(true) ? true : outermost(kind, read.filter((text) => text !== true));
}

function readValue(kind: ValueKind, text: unknown, where: string, base: Base): string | true {
  if (typeof text !== "string") throw new TypeError(`Cannot use ${show(text)} in "${where}": it takes texts`);
  if (text.length > MAX_LENGTH) {
    throw new TypeError(
      `Cannot use a value of ${text.length} characters for "${where}": it takes at most ${MAX_LENGTH}`,
    );
  }
  try {
    return kind.read(text, base);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`Cannot use ${show(text)} for "${where}": ${error.message}`);
  }
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/** The set that a request means at an engine with these named sets; undefined if it knows none of that name. */
export function setFor(
  request: ReadRequest,
  sets: Readonly<Record<string, PermissionSet>>,
): PermissionSet | undefined {
  if (typeof request !== "string") return request;
  return Object.hasOwn(sets, request) ? sets[request] : undefined;
}

// ── algebra ────────────────────────────────────────────────────────────────────────────────────

/** Sorted, and without what lies within another. */
function outermost(kind: ValueKind, texts: readonly string[]): readonly string[] {
  const own = [...new Set(texts)];
  return own.filter((text) => !own.some((other) => other !== text && kind.meet(other, text) === text)).sort();
}

/** Without what a denial takes away as a whole, and without denials that touch nothing. */
function normal(name: PermissionName, allow: Values, deny: Values): Scope {
  if (deny === true) return NOTHING;
  const kind: ValueKind = VALUE_KINDS[name];
  if (allow === true) return { allow, deny };
  const left = allow.filter((text) => !deny.some((denied) => kind.meet(denied, text) === text));
  if (left.length === 0) return NOTHING;
  return { allow: left, deny: deny.filter((denied) => left.some((text) => kind.mayMeet(denied, text))) };
}

function meetAll(kind: ValueKind, a: Values, b: Values): Values {
  if (a === true) return b;
  if (b === true) return a;
  const met = a.flatMap((one) => b.map((other) => kind.meet(one, other)));
  return outermost(kind, met.filter((text) => text !== null));
}

function join(kind: ValueKind, a: Values, b: Values): Values {
  return a === true || b === true ? true : outermost(kind, [...a, ...b]);
}

/** What both sets allow and neither denies. */
export function intersect(a: PermissionSet, b: PermissionSet): PermissionSet {
  return setOf((name) => {
    const kind: ValueKind = VALUE_KINDS[name];
    const allow = meetAll(kind, a[name].allow, b[name].allow);
    return normal(name, allow, join(kind, a[name].deny, b[name].deny));
  });
}

/** What a request asks for and the ceiling does not allow, or denies as a whole. Empty: the request is within it. */
export function excess(request: PermissionSet, ceiling: PermissionSet): readonly Excess[] {
  const found: Excess[] = [];
  const both = intersect(request, ceiling);
  for (const permission of PERMISSION_NAMES) {
    const wanted = request[permission].allow, granted = both[permission].allow;
    if (granted === true) continue;
    if (wanted === true) found.push({ permission, value: "" });
    else for (const value of wanted) if (!granted.includes(value)) found.push({ permission, value });
  }
  return found;
}

// ── texts ──────────────────────────────────────────────────────────────────────────────────────

/** The set as profiles and records have it: only what it has; a true for everything of a kind. */
export function toJson(set: PermissionSet): PermissionRequest & object {
  const allow: Record<string, Values> = {}, deny: Record<string, Values> = {};
  for (const name of PERMISSION_NAMES) {
    const scope = set[name];
    if (scope.allow === true || scope.allow.length > 0) allow[name] = scope.allow;
    if (scope.deny === true || scope.deny.length > 0) deny[name] = scope.deny;
  }
  return Object.keys(deny).length === 0 ? allow : { ...allow, deny };
}

/** One text per set: equal sets have equal ones. */
export function canonical(set: PermissionSet): string {
  return JSON.stringify(toJson(set));
}

/** As a person reads it: `net example.org:443, read /data; not read /data/secret`, or `none`. */
export function describe(set: PermissionSet): string {
  const part = (which: "allow" | "deny") =>
    PERMISSION_NAMES.flatMap((name) => {
      const values = set[name][which];
      if (values === true) return [name];
      return values.length === 0 ? [] : [`${name} ${values.map(plainText).join(" ")}`];
    }).join(", ");
  const denied = part("deny");
  return (part("allow") || "none") + (denied === "" ? "" : `; not ${denied}`);
}

/** One permission as it stands in a sentence: `net "example.org:443"`, `all of net`. */
export function excessText({ permission, value }: Excess): string {
  return value === "" ? `all of ${permission}` : `${permission} ${JSON.stringify(value)}`;
}

/** A value without quotes where it needs none: paths may have anything in them. */
function plainText(value: string): string {
  return /^[\w$*:./\[\]-]+$/.test(value) ? value : JSON.stringify(value);
}
