/**
 * What `tsparallel exec` asks of the engines for its task: permissions, isolation and limits.
 */
import { type Command, Option } from "commander";
import { numberOrNone, OptionError } from "../base/options.ts";
import type { TaskLimits, ViewOptions } from "../client/view_options.ts";
import { flagSet, hasFlags } from "../protocol/permission_flags.ts";
import { toJson } from "../protocol/permissions.ts";
import { ISOLATION_LEVELS, readIsolation } from "../protocol/task_asks.ts";
import { addTable, type Flags, tableValues, textFlag } from "./command.ts";
import { addPermissionFlags, givenPermissionFlags } from "./permission_flags.ts";

/** Limits by flag. */
const LIMIT_FLAGS = {
  runTimeoutMs: numberOrNone(null, { unit: "ms", min: 1 }, "Longest run on an engine"),
  deadlineMs: numberOrNone(null, { unit: "ms", min: 1 }, "The same, from now on"),
  cpuLimitMs: numberOrNone(null, { unit: "ms", min: 1 }, "Most processor time"),
  memoryLimitMB: numberOrNone(null, { unit: "MB", min: 1 }, "Most memory"),
  outputLimitBytes: numberOrNone(null, { unit: "bytes", min: 1 }, "Most text that it may write"),
  resultLimitBytes: numberOrNone(null, { unit: "bytes", min: 1 }, "Largest result"),
} as const;

const TIMEOUT = LIMIT_FLAGS.runTimeoutMs;

/** Adds the flags to a command. */
export function addTaskFlags(command: Command): void {
  addPermissionFlags(command);
  command
    .option("--permissions <name>", 'run with a set of the engines\' profile, or "none"')
    .addOption(new Option("--isolation <word>", `what is new for it: ${ISOLATION_LEVELS.join(", ")}`));
  addTable(command, LIMIT_FLAGS);
}

/**
 * What the flags ask for.
 * @throws OptionError naming the flag that cannot be used
 */
export function taskOptions(flags: Flags): ViewOptions {
  const isolation = textFlag(flags, "isolation");
  return {
    ...limitsOf(flags),
    ...permissionsOf(flags),
    ...(isolation === undefined ? {} : { isolation: guarded(() => readIsolation(isolation, "--isolation")) }),
  };
}

function limitsOf(flags: Flags): Pick<ViewOptions, "limits"> {
  const chosen = tableValues(LIMIT_FLAGS, { flags, section: "exec", environment: "ignored" });
  const timeout = flags["timeout"] === undefined ? null : TIMEOUT.read(flags["timeout"], "--timeout");
  const all = { ...chosen, runTimeoutMs: chosen.runTimeoutMs ?? timeout };
  const given = Object.entries(all).filter(([, value]) => value !== null);
  return given.length === 0 ? {} : { limits: Object.fromEntries(given) as TaskLimits };
}

function permissionsOf(flags: Flags): Pick<ViewOptions, "permissions"> {
  const given = givenPermissionFlags(flags), name = textFlag(flags, "permissions");
  if (!hasFlags(given)) return name === undefined ? {} : { permissions: name };
  if (name !== undefined) {
    throw new OptionError('Cannot use "--permissions" together with single permissions: give one of them');
  }
  return { permissions: toJson(flagSet(given, null)) };
}

/** @throws OptionError in place of a TypeError */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof TypeError ? new OptionError(error.message) : error;
  }
}
