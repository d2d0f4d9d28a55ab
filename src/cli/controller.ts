/**
 * `tsparallel controller`: hub and schedulers in one program, with the flags that users of ipcontroller know.
 */
import { type Command, Option } from "commander";
import { programCommand } from "../cluster/process.ts";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { CONTROLLER_OPTIONS, type ControllerOptions } from "../controller/options.ts";
import {
  addExamples,
  addLogFlags,
  addRunFlags,
  addTable,
  type Flags,
  openLog,
  openRun,
  type Run,
  tableValues,
} from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";

/** Gives the command its options and action. */
export function defineController(command: Command): void {
  command.description(
    "Run hub and schedulers: clients and engines find them by the connection files in security/.",
  );
  addControllerFlags(command);
  addExamples(command, [
    "tsparallel controller                       for this machine only",
    "tsparallel controller --ip=10.0.0.5 --ports=10101-10120",
    "tsparallel controller --profile=untrusted --scheme=lru --ping=250",
  ]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const run = await openRun(flags);
    const options = controllerValues(flags, run);
    const logger = openLog(flags, { name: "controller", dir: run.dir });
    prepareRunFolder(run.dir);
    const program = programCommand();
    const schedulerCommand = [program.command, ...program.args, "scheduler"];
    const { runController } = await import("../controller/controller.ts");
    Deno.exitCode = await interruptible((signal) =>
      runController(
        { ...options, profileDir: run.dir, clusterId: run.clusterId, schedulerCommand },
        logger,
        signal,
      )
    );
  });
}

/** Flags of controller and hub: our own, and ipcontroller's spellings of the same. */
export function addControllerFlags(command: Command): void {
  addRunFlags(command);
  addTable(command, CONTROLLER_OPTIONS);
  command
    .addOption(new Option("--ping <ms>", "the same as --ping-ms"))
    .addOption(new Option("--sqlitedb", "the same as --database sqlite"))
    .addOption(new Option("--dictdb", "the same as --database memory"))
    .addOption(new Option("--nodb", "the same as --database none"));
  addLogFlags(command);
}

/** The controller's settings, with ipcontroller's spellings read. */
export function controllerValues(flags: Flags, run: Run): ControllerOptions {
  const database = flags["sqlitedb"] === true
    ? "sqlite"
    : flags["dictdb"] === true
    ? "memory"
    : flags["nodb"] === true
    ? "none"
    : flags["database"];
  const spelled = { ...flags, pingMs: flags["ping"] ?? flags["pingMs"], database };
  return tableValues(CONTROLLER_OPTIONS, { flags: spelled, run, section: "controller" });
}
