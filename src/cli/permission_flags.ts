/**
 * The flags for permissions on a command line: `--allow-read` … `--deny-ffi`. There is no flag for all of them at once.
 */
import { type Command, Option } from "commander";
import { OptionError } from "../base/options.ts";
import { PERMISSION_FLAGS, type PermissionFlags } from "../protocol/permission_flags.ts";
import { addTable, type Flags, tableValues } from "./command.ts";

/** Adds them to a command. */
export function addPermissionFlags(command: Command): void {
  addTable(command, PERMISSION_FLAGS);
  command.addOption(new Option("-A, --allow-all").hideHelp());
}

/**
 * What they were given, by flag or (`TSPARALLEL_ALLOW_READ`) environment.
 * @throws OptionError for a value that Deno would not take
 */
export function permissionFlags(flags: Flags): PermissionFlags {
  refuseAll(flags);
  return tableValues(PERMISSION_FLAGS, { flags, section: "permissions" });
}

/** Those of the command line alone. @throws OptionError */
export function givenPermissionFlags(flags: Flags): PermissionFlags {
  refuseAll(flags);
  return tableValues(PERMISSION_FLAGS, { flags, section: "permissions", environment: "ignored" });
}

/** Whoever can send a task would be this user: nobody should come to that by one letter. */
function refuseAll(flags: Flags): void {
  if (flags["allowAll"] === undefined) return;
  throw new OptionError(
    'There is no "--allow-all": with it everybody who can send a task could do all that you can on this machine. ' +
      "Name what tasks may do, like --allow-read=/data --allow-net=example.org:443; a flag without a value allows everything of its kind",
  );
}
