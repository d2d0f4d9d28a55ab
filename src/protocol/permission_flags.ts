/**
 * Permissions as flags: `--allow-read=/data,/srv`, `--allow-net`, `--deny-env=AWS_*`, as Deno has them. The options of `tsparallel engine`,
 * `cluster start` and `exec`, and what they mean together.
 */
import { BARE, type Option, OptionError, type OptionValues } from "../base/options.ts";
import {
  ALL_PERMISSIONS,
  type Excess,
  excess,
  intersect,
  NO_PERMISSIONS,
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  readSet,
} from "./permissions.ts";

/** What a flag of one permission was given: texts, BARE among them for everything; null: it was not given. */
export type FlagTexts = readonly string[] | null;

const UNITS: Readonly<Record<PermissionName, string>> = {
  read: "path,…",
  write: "path,…",
  net: "host:port,…",
  env: "name,…",
  run: "program,…",
  sys: "kind,…",
  import: "host:port,…",
  ffi: "path,…",
};

const HELP: Readonly<Record<PermissionName, string>> = {
  read: "Files and folders that tasks may read ($SCRATCH: a fresh folder of their own)",
  write: "Files and folders that tasks may write",
  net: "Hosts that tasks may reach, addresses that they may listen on",
  env: "Variables of the engine's environment that tasks may see",
  run: "Programs that tasks may start",
  sys: "What tasks may ask about the system",
  import: "Hosts that tasks may import code from",
  ffi: "Native libraries that tasks may load: they are behind no wall of Deno's",
};

function flagOption(name: PermissionName, help: string): Option<FlagTexts> {
  return {
    default: null,
    help,
    unit: UNITS[name],
    isRepeatable: true,
    isOptional: true,
    // These are flags alone: a profile has `engine.permissions`.
    schema: {},
    read: (value, given) => readTexts(name, value, given),
  };
}

/** Splits and checks; paths are resolved where the folder is known. @throws OptionError */
function readTexts(name: PermissionName, value: unknown, given: string): FlagTexts {
  const texts = (Array.isArray(value) ? value : [value]).flatMap((text: unknown) => {
    const isEverything = text === BARE || text === true || (text === "*" && !given.startsWith("--"));
    return isEverything ? [BARE] : splitTexts(name, String(text), given);
  });
  setOfTexts({ [name]: texts }, {}, { where: () => given, base: "/" });
  return texts;
}

function splitTexts(name: PermissionName, text: string, given: string): string[] {
  if (text === "*") {
    throw new OptionError(`Cannot use "*" for "${given}": to allow everything, give it without a value`);
  }
  const parts = text.split(",");
  if (name !== "net") return parts;
  // As with Deno's flag: a port alone is that port of this machine.
  return parts.flatMap((part) =>
    /^:\d+$/.test(part) ? [`0.0.0.0${part}`, `127.0.0.1${part}`, `localhost${part}`] : [part]
  );
}

type AllowName = `allow${Capitalize<PermissionName>}`;
type DenyName = `deny${Capitalize<PermissionName>}`;
type FlagTable = Readonly<Record<AllowName | DenyName, Option<FlagTexts>>>;

function key(which: "allow" | "deny", name: PermissionName): AllowName | DenyName {
  return `${which}${name.charAt(0).toUpperCase()}${name.slice(1)}` as AllowName | DenyName;
}

/** Name, default, unit, help: `allowRead` … `allowFfi`, `denyRead` … `denyFfi`. */
export const PERMISSION_FLAGS: FlagTable = Object.fromEntries([
  ...PERMISSION_NAMES.map((name) => [key("allow", name), flagOption(name, HELP[name])]),
  ...PERMISSION_NAMES.map((
    name,
  ) => [key("deny", name), flagOption(name, `The same, denied: goes before --allow-${name}`)]),
]) as FlagTable;

export type PermissionFlags = OptionValues<FlagTable>;

/** A flag that may stand without its value. */
const OPTIONAL = new RegExp(`^--(allow|deny)-(${PERMISSION_NAMES.join("|")})$`);

/** Arguments in which permission flags without a value say so: what follows such a flag never is its value. */
export function withBareFlags(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((word, at) => OPTIONAL.test(word) && (end < 0 || at < end) ? `${word}=${BARE}` : word);
}

/** The flags again, for another command line. */
export function permissionArguments(flags: PermissionFlags): string[] {
  return Object.entries(flags).flatMap(([name, texts]) => {
    if (texts === null) return [];
    const flag = `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
    return texts.includes(BARE) ? [flag] : [`${flag}=${texts.join(",")}`];
  });
}

/** Whether any of them was given. */
export function hasFlags(flags: PermissionFlags): boolean {
  return Object.values(flags).some((texts) => texts !== null);
}

type Lists = Partial<Record<PermissionName, FlagTexts>>;

/** What the flags allow and deny by themselves. @param base the folder of relative paths @throws OptionError */
export function flagSet(flags: PermissionFlags, base: string | null): PermissionSet {
  const lists = (which: "allow" | "deny"): Lists =>
    Object.fromEntries(PERMISSION_NAMES.map((name) => [name, flags[key(which, name)]]));
  const where = (path: string) =>
    `--${path.startsWith("deny.") ? "deny" : "allow"}-${path.replace("deny.", "")}`;
  return setOfTexts(lists("allow"), lists("deny"), { where, base });
}

function setOfTexts(
  allow: Lists,
  deny: Lists,
  { where, base }: { readonly where: (path: string) => string; readonly base: string | null },
): PermissionSet {
  const value = (lists: Lists) =>
    Object.fromEntries(
      Object.entries(lists).flatMap(([name, texts]) =>
        texts === null ? [] : [[name, texts.includes(BARE) ? true : texts]]
      ),
    );
  try {
    return readSet({ ...value(allow), deny: value(deny) }, "\n", base);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new OptionError(error.message.replace(/"\n\.([\w.]+)"/, (_, path) => `"${where(path)}"`));
  }
}

/** What a profile and flags give an engine together, or where a flag goes beyond the profile. */
export type Ceiling =
  | { readonly kind: "ceiling"; readonly set: PermissionSet }
  | { readonly kind: "beyond"; readonly excess: Excess };

/**
 * A profile that says nothing leaves the flags free; one that does is a ceiling that flags can only narrow. Without both, tasks may do nothing.
 * @param stated the profile's set, null if it states none
 * @param flags null if none was given
 */
export function ceilingOf(
  stated: PermissionSet | null,
  flags: PermissionFlags | null,
  base: string,
): Ceiling {
  if (flags === null) return { kind: "ceiling", set: stated ?? NO_PERMISSIONS };
  const given = flagSet(flags, base);
  if (stated === null) return { kind: "ceiling", set: given };
  // Flags that only deny take something away and leave the rest.
  const isDenialOnly = PERMISSION_NAMES.every((name) => flags[key("allow", name)] === null);
  if (isDenialOnly) return { kind: "ceiling", set: intersect(stated, denials(flags, base)) };
  const [first] = excess(given, stated);
  return first === undefined
    ? { kind: "ceiling", set: intersect(given, stated) }
    : { kind: "beyond", excess: first };
}

/** Everything but what the flags deny. */
function denials(flags: PermissionFlags, base: string): PermissionSet {
  const all: Record<string, FlagTexts> = { ...flags };
  for (const name of PERMISSION_NAMES) all[key("allow", name)] = [BARE];
  return intersect(ALL_PERMISSIONS, flagSet(all as PermissionFlags, base));
}
