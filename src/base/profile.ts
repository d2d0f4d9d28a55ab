/**
 * Profiles: ready-made settings in JSON with comments, one section per part of the system. Each section's keys are the options of that
 * part's `options.ts`, so a misspelt key is found where it is read, and the nearest one is named.
 */
import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { checkSection, didYouMean, OptionError, type OptionTable } from "./options.ts";

/** The options that a profile may set, by section. */
export type ProfileTables = Readonly<Record<string, OptionTable>>;

/** What a profile sets: values by option, by section. */
export type ProfileSections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A profile that was read. */
export interface Profile {
  readonly name: string;
  /** The file, or null if there is none of that name and the defaults hold. */
  readonly path: string | null;
  readonly sections: ProfileSections;
  /** `file:line` of a key of a section. */
  place(section: string, key: string): string;
}

/** Which profile, and what it may hold. */
export interface ProfileRequest {
  readonly name: string;
  /** The run's folder (`base/profile_dir.ts`): its `tsparallel.jsonc` goes before a shipped profile. */
  readonly dir: string;
  readonly tables: ProfileTables;
  /** Sections without a table: refused (default), or left to those whose they are. */
  readonly others?: "refuse" | "leave" | undefined;
}

/** The name of a profile's file in a run's folder. */
export const PROFILE_FILE = "tsparallel.jsonc";

/** The one key beside the sections: where editors find what the sections may hold. It has no effect. */
export const SCHEMA_KEY = "$schema";

/** Where the shipped profiles are; in a compiled program they are embedded. */
const SHIPPED = new URL("../../profiles/", import.meta.url);

/**
 * Reads a profile: `tsparallel.jsonc` in the run's folder, else the shipped one of that name, else the shipped default.
 * @throws OptionError with file and line if it cannot be read or holds what no option takes
 */
export async function loadProfile(request: ProfileRequest): Promise<Profile> {
  const { name, dir, tables, others } = request;
  const own = `${dir}/${PROFILE_FILE}`;
  for (
    const place of [
      own,
      new URL(`${encodeURIComponent(name)}.jsonc`, SHIPPED),
      new URL("default.jsonc", SHIPPED),
    ]
  ) {
    const path = place instanceof URL ? decodeURIComponent(place.pathname) : place;
    const text = await readIfThere(place);
    if (text === undefined) continue;
    const sections = parseProfile(text, { path, tables, others });
    return { name, path, sections, place: (section, key) => placeIn(text, path, [section, key]) };
  }
  return { name, path: null, sections: {}, place: () => "the program's own defaults" };
}

/** The names of the profiles that come with the program. */
export async function shippedProfiles(): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(SHIPPED)) {
    if (entry.name.endsWith(".jsonc")) names.push(entry.name.slice(0, -".jsonc".length));
  }
  return names.sort();
}

/**
 * The text of a profile that comes with the program.
 * @throws OptionError naming the nearest if there is none of this name
 */
export async function shippedText(name: string): Promise<string> {
  const text = await readIfThere(new URL(`${encodeURIComponent(name)}.jsonc`, SHIPPED));
  if (text !== undefined) return text;
  const names = await shippedProfiles();
  throw new OptionError(
    `Cannot find a shipped profile "${name}": there are ${names.join(", ")}${didYouMean(name, names)}`,
  );
}

/**
 * Reads a profile's text.
 * @param where the file that errors name, and the options of each section
 * @throws OptionError with file and line
 */
export function parseProfile(
  text: string,
  where: Pick<ProfileRequest, "tables" | "others"> & { readonly path: string },
): ProfileSections {
  const { path, tables, others = "refuse" } = where;
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) {
    const code = printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
    throw new OptionError(`Cannot read profile ${path}:${lineOf(text, first.offset)}: ${code}`);
  }
  if (tree === undefined) return {};
  const place = (keys: string[]) => `${path}:${lineOf(text, offsetOf(tree, keys))}`;
  const sections = asObject(valueOf(tree));
  if (sections === undefined) {
    throw new OptionError(`Cannot read profile ${path}: it is not an object of sections`);
  }
  const checked: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [section, value] of Object.entries(sections)) {
    if (section === SCHEMA_KEY && typeof value === "string") continue;
    checked[section] = checkedSection(section, { value, tables, others, place });
  }
  return checked;
}

interface SectionText {
  readonly value: unknown;
  readonly tables: ProfileTables;
  readonly others: "refuse" | "leave";
  readonly place: (keys: string[]) => string;
}

function checkedSection(section: string, given: SectionText): Readonly<Record<string, unknown>> {
  const { value, tables, others, place } = given;
  const table = Object.hasOwn(tables, section) ? tables[section] : undefined;
  const values = asObject(value);
  if (table === undefined && others === "leave") return values ?? {};
  if (table === undefined) {
    const hint = didYouMean(section, Object.keys(tables));
    throw new OptionError(`Cannot read profile ${place([section])}: Unknown section "${section}"${hint}`);
  }
  if (values === undefined) {
    throw new OptionError(`Cannot read profile ${place([section])}: section "${section}" is not an object`);
  }
  for (const [key, setting] of Object.entries(values)) {
    try {
      checkSection(section, { [key]: setting }, table);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw new OptionError(`Cannot read profile ${place([section, key])}: ${error.message}`);
    }
  }
  return values;
}

async function readIfThere(place: string | URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    const path = place instanceof URL ? place.pathname : place;
    throw new OptionError(`Cannot read profile ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A parsed node as a plain value; its keys are own, whatever they are called. */
function valueOf(node: Node): unknown {
  if (node.type === "array") return (node.children ?? []).map(valueOf);
  if (node.type !== "object") return node.value;
  const pairs = (node.children ?? []).map(({ children }): [string, unknown] => {
    const [key, value] = children ?? [];
    return [String(key?.value), value === undefined ? undefined : valueOf(value)];
  });
  return Object.fromEntries(pairs);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.fromEntries(Object.entries(value)) : undefined;
}

function placeIn(text: string, path: string, keys: string[]): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  return `${path}:${tree === undefined ? 1 : lineOf(text, offsetOf(tree, keys))}`;
}

function offsetOf(tree: Node, keys: string[]): number {
  const node = findNodeAtLocation(tree, keys);
  return node?.parent?.offset ?? node?.offset ?? 0;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
