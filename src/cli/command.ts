/**
 * What all subcommands share: options out of a table, the flags that name a run, its settings and its log.
 */
import { type Command, Option } from "commander";
import { createLogger, type Logger, parseLogLevel } from "../base/log.ts";
import {
  chooseOptions,
  flagName,
  type Option as TableOption,
  OptionError,
  type OptionTable,
  type OptionValues,
} from "../base/options.ts";
import { loadProfile, type Profile } from "../base/profile.ts";
import { CLIENT_OPTIONS } from "../client/options.ts";
import { type ClusterName, placeOf } from "../cluster/place.ts";
import { CLUSTER_OPTIONS } from "../cluster/options.ts";
import { CONTROLLER_OPTIONS } from "../controller/options.ts";
import { ENGINE_OPTIONS } from "../engine/options.ts";
import { EXIT_HELP } from "./exit_codes.ts";

/** The sections of a profile. */
export const PROFILE_TABLES = {
  controller: CONTROLLER_OPTIONS,
  engine: ENGINE_OPTIONS,
  client: CLIENT_OPTIONS,
  cluster: CLUSTER_OPTIONS,
} as const;

/** Flags as commander read them. */
export type Flags = Readonly<Record<string, unknown>>;

/** Where a command works: its profile, folder and cluster id. */
export interface Run {
  readonly profileName: string;
  readonly profile: Profile;
  readonly dir: string;
  readonly clusterId: string;
}

/** Adds each option of a table; what is not given stays undefined. */
export function addTable(command: Command, table: OptionTable): void {
  for (const [name, option] of Object.entries(table)) {
    if (option.isProfileOnly) continue;
    const flag = flagName(name);
    if (option.unit === "") {
      command.addOption(new Option(flag, option.help));
      command.addOption(new Option(flag.replace("--", "--no-")).hideHelp());
    } else {
      command.addOption(valueOption(name, option));
    }
  }
}

function valueOption(name: string, option: TableOption<unknown>): Option {
  const value = option.isOptional ? `[=${option.unit}]` : `<${option.unit}>`;
  const added = new Option(`${flagName(name)} ${value}`, `${option.help}${remark(option)}`);
  if (option.isRepeatable === true) {
    added.argParser((word: string, before: readonly string[] | undefined) => [...(before ?? []), word]);
  }
  return added;
}

/** ` (leastload, lru; default: leastload)` */
function remark(option: TableOption<unknown>): string {
  const { choices, default: initial } = option;
  const shown = initial === null || initial === "" || Array.isArray(initial) ? "" : `default: ${initial}`;
  const parts = [choices?.join(", ") ?? "", shown].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}

/** The values that count for a table: flag over environment over profile over default. */
export function tableValues<Table extends OptionTable>(
  table: Table,
  given: {
    readonly flags: Flags;
    readonly run?: Run | undefined;
    readonly section: string;
    /** Our flag → what the user called it. */
    readonly names?: ReadonlyMap<string, string> | undefined;
    /** Default: it counts. */
    readonly environment?: "ignored" | undefined;
  },
): OptionValues<Table> {
  return chooseOptions(table, {
    flags: flagsOf(table, given.flags),
    names: given.names,
    environment: given.environment === "ignored" ? undefined : (name) => Deno.env.get(name),
    profile: given.run?.profile.sections[given.section],
    section: given.section,
  });
}

/** Flags under the names of their table, for what is not given undefined; commander's own spelling of `memoryLimitMB` is `memoryLimitMb`. */
export function flagsOf(table: OptionTable, flags: Flags): Flags {
  return Object.fromEntries(
    Object.keys(table).map((name) => [name, flags[new Option(flagName(name)).attributeName()]]),
  );
}

/** Adds the flags that name a run: `--profile`, `--profile-dir`, `--ipython-dir`, `--cluster-id`. */
export function addRunFlags(command: Command): void {
  command
    .option("--profile <name>", 'profile to use (default: "default")')
    .option(
      "--profile-dir <path>",
      "the run's folder itself, or IPP_PROFILE_DIR (default: ~/.ipython/profile_<name>)",
    )
    .option("--ipython-dir <path>", "folder of the profiles' folders, or IPYTHONDIR")
    .option("--cluster-id <id>", "which of several clusters of a profile, or IPP_CLUSTER_ID");
}

/** Adds `--log-level`, `--debug` and `--log-to-file`. */
export function addLogFlags(command: Command): void {
  command
    .option("--log-level <level>", "debug, info, warn, error, or a number like 10 (default: info)")
    .option("--debug", "the same as --log-level debug")
    .option("--log-to-file", "write the log to log/ in the run's folder too");
}

/** Adds examples and exit codes below the options. */
export function addExamples(command: Command, examples: readonly string[]): void {
  command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}\n`).join("")}${EXIT_HELP}`);
}

/**
 * Finds the folder and profile that flags and environment name.
 * @throws OptionError if a flag or the profile cannot be used
 */
export async function openRun(flags: Flags): Promise<Run> {
  const { profile: profileName, profileDir: dir, clusterId } = placeOf(clusterName(flags));
  if (!/^[\w.-]*$/.test(clusterId)) {
    throw new OptionError(
      `Cannot use "${clusterId}" for "--cluster-id": it takes letters, digits, ".", "_" and "-"`,
    );
  }
  const profile = await loadProfile({ name: profileName, dir, tables: PROFILE_TABLES });
  return { profileName, profile, dir, clusterId };
}

/** Which cluster the flags name. */
export function clusterName(flags: Flags): ClusterName {
  return {
    profile: textFlag(flags, "profile"),
    profileDir: textFlag(flags, "profileDir"),
    ipythonDir: textFlag(flags, "ipythonDir"),
    clusterId: textFlag(flags, "clusterId"),
  };
}

/** A flag's text, undefined if it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}

/**
 * A logger that writes to standard error, and with `--log-to-file` to `log/<name>-<pid>.log` too.
 * @throws OptionError if the level is none
 */
export function openLog(flags: Flags, where: { readonly name: string; readonly dir: string }): Logger {
  const { name, dir } = where;
  const level = flags["debug"] === true ? "debug" : logLevel(textFlag(flags, "logLevel") ?? "info");
  if (flags["logToFile"] !== true) return createLogger({ level, name });
  Deno.mkdirSync(`${dir}/log`, { recursive: true, mode: 0o700 });
  const path = `${dir}/log/ip${name}-${Deno.pid}.log`;
  const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  const encoder = new TextEncoder();
  const write = (line: string) => {
    console.error(line);
    file.writeSync(encoder.encode(`${line}\n`));
  };
  return createLogger({ level, name, write });
}

function logLevel(text: string) {
  try {
    return parseLogLevel(text);
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}
