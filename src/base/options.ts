/**
 * Options as data: one line each in the `options.ts` of their room, read by the command line, the environment and the profiles alike.
 *
 * A line says what the option is for, its default, its unit and which values it takes; `chooseOptions` then picks the value that counts:
 * flag over environment over profile over default.
 */

/** One option of a room. `T` is what the program gets. */
export interface Option<T> {
  readonly default: T;
  /** What it is for, in half a sentence. */
  readonly help: string;
  /** What stands for the value in the help: `<ms>`, `<name>`. Empty for a switch. */
  readonly unit: string;
  /** The possible words, if it is one of a few. */
  readonly choices?: readonly string[];
  /** May be given more than once. */
  readonly isRepeatable?: boolean;
  /** As a flag its value may be left out, and then stands behind `=` only; `read` gets BARE for it. */
  readonly isOptional?: boolean;
  /** Only a profile sets it: there is no flag and no variable. */
  readonly isProfileOnly?: boolean;
  /** Environment variables that count beside its own, as other programs name them. */
  readonly variables?: readonly string[];
  /** What a profile may say, as JSON Schema has it, without description and default. `read` decides; this tells editors. */
  readonly schema: JsonSchema;
  /**
   * Reads what a user gave: text from flag or environment, any JSON value from a profile.
   * @throws OptionError that says what it takes
   */
  read(value: unknown, name: string): T;
}

/** A piece of a JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Stands for the value that was left out of a flag that may be given without. No argument can be this. */
export const BARE = "\0";

/** The options of one room, by name. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** The values of a table. */
export type OptionValues<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer T> ? T : never;
};

/** A user's value or name that cannot be used; the message is a sentence for that user. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

interface NumberRange {
  readonly unit: string;
  readonly min?: number;
  readonly max?: number;
  /** Default true. */
  readonly isWhole?: boolean;
}

/** A number, within its range. */
export function number(initial: number, range: NumberRange, help: string): Option<number> {
  return {
    default: initial,
    help,
    unit: range.unit,
    schema: numberSchema("number", range),
    read: (value, name) => readNumber(value, name, range),
  };
}

/** A number that may be missing; `none` takes it away where a profile set one. */
export function numberOrNone(
  initial: number | null,
  range: NumberRange,
  help: string,
): Option<number | null> {
  return {
    default: initial,
    help,
    unit: range.unit,
    schema: numberSchema("number or null", range),
    read: (value, name) => isNone(value) ? null : readNumber(value, name, range),
  };
}

/** Free text. */
export function text(initial: string, unit: string, help: string): Option<string> {
  return { default: initial, help, unit, schema: { type: "string" }, read: readText };
}

/** Text that may be missing. */
export function textOrNone(unit: string, help: string): Option<string | null> {
  return {
    default: null,
    help,
    unit,
    schema: { type: ["string", "null"] },
    read: (value, name) => value === null ? null : readText(value, name),
  };
}

/** One word out of a few. */
export function choice<const Word extends string>(
  initial: NoInfer<Word>,
  choices: readonly Word[],
  help: string,
): Option<Word> {
  return {
    default: initial,
    help,
    unit: "word",
    choices,
    schema: { enum: choices },
    read: (value, name) => readChoice(value, name, choices),
  };
}

/** On or off; as a flag it takes no value. */
export function flag(help: string): Option<boolean> {
  return { default: false, help, unit: "", schema: { type: "boolean" }, read: readFlag };
}

/** A list of port numbers, as `10101-10120`, `1,3-5` or, in a profile, numbers; as a flag it may be repeated. */
export function ports(help: string): Option<readonly number[]> {
  return {
    default: [],
    help,
    unit: "first-last",
    isRepeatable: true,
    schema: { type: ["array", "string", "integer"], items: { type: ["string", "integer"] } },
    read: readPorts,
  };
}

/** The same option, set by these environment variables too. */
export function alsoFrom<T>(option: Option<T>, ...variables: readonly string[]): Option<T> {
  return { ...option, variables };
}

/** Texts in a list; as a flag it is repeated, in the environment separated by spaces. */
export function texts(unit: string, help: string): Option<readonly string[]> {
  const schema = { type: ["array", "string"], items: { type: "string" } };
  return { default: [], help, unit, isRepeatable: true, schema, read: readTexts };
}

/** An object, as a profile has it; as a flag or in the environment the path of a file that holds it. */
export type DataOrPath = string | Readonly<Record<string, unknown>>;

/** An object of its own in a profile; as a flag or in the environment the path of a JSON file (with comments). */
export function dataOrNone(help: string): Option<DataOrPath | null> {
  return {
    default: null,
    help,
    unit: "path",
    schema: { type: ["object", "string", "null"] },
    read: readData,
  };
}

/** Where the values of a table may come from, weakest last. Names that the table lacks are ignored except in the profile. */
export interface OptionSources {
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
  /** What the user called a flag, where that is not its own name; errors say it. */
  readonly names?: ReadonlyMap<string, string> | undefined;
  /** Asked for `TSPARALLEL_RUN_TIMEOUT_MS` where the option is `runTimeoutMs`. */
  readonly environment?: ((name: string) => string | undefined) | undefined;
  readonly profile?: Readonly<Record<string, unknown>> | undefined;
  /** How a value's place is called in an error: `engine` for `"engine.runTimeoutMs"` of a profile. */
  readonly section?: string | undefined;
}

/** Where the value of an option comes from; `name`: the flag or variable as the user has it. */
export type Origin =
  | { readonly kind: "flag" | "environment"; readonly name: string }
  | { readonly kind: "profile" | "default" };

/** A value, and why it is this one. */
export interface Chosen {
  readonly value: unknown;
  readonly origin: Origin;
}

/**
 * The value of each option: flag over environment over profile over default.
 * @throws OptionError for the first value that cannot be read
 */
export function chooseOptions<Table extends OptionTable>(
  table: Table,
  sources: OptionSources = {},
): OptionValues<Table> {
  const chosen: Record<string, unknown> = {};
  for (const [name, { value }] of Object.entries(chooseWithOrigins(table, sources))) chosen[name] = value;
  return chosen as OptionValues<Table>;
}

/**
 * The same, each value with its origin.
 * @throws OptionError for the first value that cannot be read
 */
export function chooseWithOrigins<Table extends OptionTable>(
  table: Table,
  sources: OptionSources = {},
): Readonly<Record<keyof Table & string, Chosen>> {
  const chosen: Record<string, Chosen> = {};
  for (const name of Object.keys(table)) {
    const option = table[name];
    if (option !== undefined) chosen[name] = chooseOption(name, option, sources);
  }
  return chosen as Record<keyof Table & string, Chosen>;
}

function chooseOption(name: string, option: Option<unknown>, sources: OptionSources): Chosen {
  const told = option.isProfileOnly ? undefined : toldOption(name, option, sources);
  if (told !== undefined) return told;
  const set = sources.profile?.[name];
  if (set === undefined) return { value: option.default, origin: { kind: "default" } };
  const value = option.read(set, `${sources.section ?? "profile"}.${name}`);
  return { value, origin: { kind: "profile" } };
}

/** What flag or environment say. */
function toldOption(name: string, option: Option<unknown>, sources: OptionSources): Chosen | undefined {
  const given = sources.flags?.[name];
  if (given !== undefined) {
    const flag = sources.names?.get(flagName(name)) ?? flagName(name);
    return { value: option.read(given, flag), origin: { kind: "flag", name: flag } };
  }
  for (const variable of [environmentName(name), ...option.variables ?? []]) {
    const inherited = sources.environment?.(variable);
    if (inherited !== undefined && inherited !== "") {
      return { value: option.read(inherited, variable), origin: { kind: "environment", name: variable } };
    }
  }
  return undefined;
}

/**
 * Checks that every key of a profile's section is an option, and its value one that the option takes.
 * @throws OptionError naming the nearest key
 */
export function checkSection(
  section: string,
  values: Readonly<Record<string, unknown>>,
  table: OptionTable,
): void {
  for (const key of Object.keys(values)) {
    const option = Object.hasOwn(table, key) ? table[key] : undefined;
    if (option === undefined) {
      throw new OptionError(`Unknown key "${section}.${key}"${didYouMean(key, Object.keys(table))}`);
    }
    option.read(values[key], `${section}.${key}`);
  }
}

/** `runTimeoutMs` → `--run-timeout-ms`. */
export function flagName(name: string): string {
  return `--${words(name).join("-")}`;
}

/** `runTimeoutMs` → `TSPARALLEL_RUN_TIMEOUT_MS`. */
export function environmentName(name: string): string {
  return `TSPARALLEL_${words(name).join("_").toUpperCase()}`;
}

function words(name: string): string[] {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(" ");
}

/** `, did you mean "x"?` for the nearest candidate, or nothing if none is near. */
export function didYouMean(given: string, candidates: readonly string[]): string {
  const found = nearest(given, candidates);
  return found === undefined ? "" : `, did you mean "${found}"?`;
}

/** The candidate that the fewest slips of the keyboard turn into `given`; undefined if even that is too far. */
export function nearest(
  given: string,
  candidates: readonly string[],
  most = Math.max(1, Math.ceil(given.length * 0.4)),
): string | undefined {
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    const slips = distance(given.toLowerCase(), candidate.toLowerCase());
    if (slips < least) [best, least] = [candidate, slips];
  }
  return best;
}

/** Insertions, deletions, changes and swaps of neighbours between two words (Damerau and Levenshtein). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const cell = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + change);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, cell(i - 2, j - 2) + 1);
      row[j] = least;
    }
  }
  return cell(a.length, b.length);
}

function numberSchema(kind: "number" | "number or null", range: NumberRange): JsonSchema {
  const { min = 0, max, isWhole = true } = range;
  const type = isWhole ? "integer" : "number";
  return {
    type: kind === "number" ? type : [type, "null"],
    minimum: min,
    ...(max === undefined ? {} : { maximum: max }),
  };
}

function isNone(value: unknown): boolean {
  return value === null || value === "none";
}

function readNumber(value: unknown, name: string, range: NumberRange): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, isWhole = true } = range;
  const isText = typeof value === "string" && /^[+-]?(\d[\d_]*\.?\d*|\.\d+)(e\d+)?$/i.test(value.trim());
  const read = isText ? Number(value.replaceAll("_", "")) : value;
  const kind = isWhole ? "a whole number" : "a number";
  if (typeof read !== "number" || !Number.isFinite(read) || (isWhole && !Number.isInteger(read))) {
    throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes ${kind} (${range.unit})`);
  }
  if (read < min || read > max) {
    const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
    throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes ${bounds} (${range.unit})`);
  }
  return read;
}

function readText(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes a text`);
}

function readChoice<Word extends string>(value: unknown, name: string, choices: readonly Word[]): Word {
  const found = choices.find((word) => word === value);
  if (found !== undefined) return found;
  const hint = typeof value === "string" ? didYouMean(value, choices) : "";
  throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes ${choices.join(", ")}${hint}`);
}

function readFlag(value: unknown, name: string): boolean {
  if (value === true || value === "true" || value === "1") return true;
  if (value === false || value === "false" || value === "0") return false;
  throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes true or false`);
}

function readTexts(value: unknown, name: string): readonly string[] {
  if (typeof value === "string") return value.split(" ").filter((word) => word !== "");
  if (Array.isArray(value)) return value.map((word) => readText(word, name));
  throw new OptionError(`Cannot use ${show(value)} for "${name}": it takes a list of texts`);
}

function readData(value: unknown, name: string): DataOrPath | null {
  if (value === null || (typeof value === "string" && value !== "")) return value;
  if (typeof value === "object" && !Array.isArray(value)) return { ...value };
  throw new OptionError(
    `Cannot use ${show(value)} for "${name}": it takes an object or the path of a JSON file`,
  );
}

function readPorts(value: unknown, name: string): readonly number[] {
  const found = (Array.isArray(value) ? value : [value]).flatMap((part) => portsIn(part));
  if (found.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)) return found;
  throw new OptionError(
    `Cannot use ${
      show(value)
    } for "${name}": it takes ports from 1 to 65535, like 10101-10120 or 10101,10103`,
  );
}

/** The ports of one number or text; NaN for what is none. */
function portsIn(part: unknown): number[] {
  if (typeof part === "number") return [part];
  if (typeof part !== "string") return [NaN];
  return part.split(",").flatMap((range) => {
    const [, first, last = first] = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(range) ?? [];
    const from = Number(first), count = Number(last) - from + 1;
    return count > 0 && Number(last) <= 65_535 ? Array.from({ length: count }, (_, i) => from + i) : [NaN];
  });
}

/** A user's value as it stands in a message. */
function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value) ?? String(value);
}
