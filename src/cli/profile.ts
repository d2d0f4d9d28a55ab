/**
 * `tsparallel profile`: makes profile folders with settings to begin from, lists them, shows their settings and where they are.
 */
import type { Command } from "commander";
import { OptionError } from "../base/options.ts";
import { ipythonDir } from "../base/profile_dir.ts";
import { PROFILE_FILE, shippedProfiles, shippedText } from "../base/profile.ts";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { placeOf } from "../cluster/place.ts";
import { clusterFolders, profileOf } from "./cluster_folders.ts";
import { addExamples, type Flags, openRun, PROFILE_TABLES, textFlag } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { SCHEMA_FILE, schemaText } from "./profile_schema.ts";
import { tableText } from "./table_text.ts";

/** Gives the command its subcommands. */
export function defineProfile(command: Command): void {
  command.description("Make profiles: folders with the settings of clusters; list and show them.");
  defineCreate(command.command("create [name]"));
  defineList(command.command("list"));
  defineShow(command.command("show [name]"));
  definePath(command.command("path [name]"));
  addExamples(command, [
    "tsparallel profile create night --from slurm",
    "tsparallel profile list",
    "tsparallel profile show untrusted",
    'code "$(tsparallel profile path night --file)"',
  ]);
}

function defineCreate(command: Command): void {
  command.description(
    `Make a profile's folder, with a commented ${PROFILE_FILE} in it and the schema by which editors complete it.`,
  );
  addPlaceFlags(command);
  command.option(
    "--from <profile>",
    "the shipped profile to begin from (default: the one of this name, else default)",
  );
  addExamples(command, [
    "tsparallel profile create night --from slurm",
    "tsparallel profile create slurm       the same settings for the name slurm",
  ]);
  command.action(async (name: string | undefined, flags: Flags) => {
    const dir = folderOf(name, flags);
    const from = textFlag(flags, "from") ?? await defaultSource(name);
    const text = await shippedText(from);
    const path = `${dir}/${PROFILE_FILE}`;
    prepareRunFolder(dir);
    writeNew(path, text);
    Deno.writeTextFileSync(`${dir}/${SCHEMA_FILE}`, schemaText(PROFILE_TABLES));
    console.log(`Made profile "${profileOf(dir)}" from "${from}": its settings are in ${path}`);
    Deno.exitCode = EXIT.ok;
  });
}

async function defaultSource(name: string | undefined): Promise<string> {
  return name !== undefined && (await shippedProfiles()).includes(name) ? name : "default";
}

/** @throws OptionError rather than replace what is there */
function writeNew(path: string, text: string): void {
  try {
    Deno.writeTextFileSync(path, text, { createNew: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new OptionError(`Cannot make the profile: "${path}" is there already; edit or remove it`);
  }
}

function defineList(command: Command): void {
  command.description("List the profiles: those with a folder, and those that come with the program.");
  command
    .option("--ipython-dir <path>", "folder of the profiles' folders, or IPYTHONDIR")
    .option("--json", "one JSON document");
  command.action(async (flags: Flags) => {
    const profiles = await allProfiles(flags);
    const rows = profiles.map(({ name, dir, settings }) => [name, settings ?? "(the default's)", dir ?? "-"]);
    console.log(
      flags["json"] === true ? JSON.stringify(profiles) : tableText(["profile", "settings", "folder"], rows),
    );
    Deno.exitCode = EXIT.ok;
  });
}

interface Listed {
  readonly name: string;
  /** Its own file, or the shipped profile of its name; null: it has the default's. */
  readonly settings: string | null;
  readonly dir: string | null;
}

async function allProfiles(flags: Flags): Promise<Listed[]> {
  const shipped = await shippedProfiles();
  const root = ipythonDir(textFlag(flags, "ipythonDir"));
  const folders = new Map(clusterFolders({ ipythonDir: root }).map((dir) => [profileOf(dir), dir]));
  const names = [...new Set([...folders.keys(), ...shipped])].sort();
  return names.map((name) => {
    const dir = folders.get(name) ?? null;
    const own = dir !== null && isThere(`${dir}/${PROFILE_FILE}`) ? `${dir}/${PROFILE_FILE}` : null;
    return { name, settings: own ?? (shipped.includes(name) ? "shipped" : null), dir };
  });
}

function defineShow(command: Command): void {
  command.description("Print the file that a profile's settings come from.");
  addPlaceFlags(command);
  command.action(async (name: string | undefined, flags: Flags) => {
    const { path, text } = await settingsFile(name, flags);
    console.error(`// ${path}`);
    console.log(text.trimEnd());
    Deno.exitCode = EXIT.ok;
  });
}

function definePath(command: Command): void {
  command.description("Print the path of a profile's folder.");
  addPlaceFlags(command);
  command.option("--file", "of the file that its settings come from");
  command.action(async (name: string | undefined, flags: Flags) => {
    console.log(flags["file"] === true ? (await settingsFile(name, flags)).path : folderOf(name, flags));
    Deno.exitCode = EXIT.ok;
  });
}

async function settingsFile(name: string | undefined, flags: Flags) {
  const { path } = (await openRun({ ...flags, profile: name })).profile;
  if (path === null) throw new OptionError(`Cannot find the settings of profile "${name ?? "default"}"`);
  return { path, text: await Deno.readTextFile(path) };
}

function addPlaceFlags(command: Command): void {
  command
    .option("--profile-dir <path>", "the profile's folder itself, or IPP_PROFILE_DIR")
    .option("--ipython-dir <path>", "folder of the profiles' folders, or IPYTHONDIR");
}

function folderOf(name: string | undefined, flags: Flags): string {
  const place = {
    profile: name,
    profileDir: textFlag(flags, "profileDir"),
    ipythonDir: textFlag(flags, "ipythonDir"),
  };
  return placeOf(place).profileDir;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
