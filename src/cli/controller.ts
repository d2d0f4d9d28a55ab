/**
 * `tsparallel controller`: hub and schedulers in one program, with the flags that users of ipcontroller know.
 */
import type { Command } from "commander";
import { programCommand } from "../cluster/process.ts";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { CONTROLLER_OPTIONS } from "../controller/options.ts";
import { addExamples, addLogFlags, addRunFlags, addTable, type Flags } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";
import type { OwnArguments } from "./peer_arguments.ts";
import { addPeerFlags, IPCONTROLLER, openPeerRun } from "./peer_program.ts";

/** Gives the command its options and action. */
export function defineController(command: Command, translated: OwnArguments): void {
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
    const opened = await openPeerRun(IPCONTROLLER, CONTROLLER_OPTIONS, { flags, translated });
    if (opened === null) return;
    const { run, options, log } = opened;
    prepareRunFolder(run.dir);
    const program = programCommand();
    const schedulerCommand = [program.command, ...program.args, "scheduler"];
    const { runController } = await import("../controller/controller.ts");
    Deno.exitCode = await interruptible((signal) =>
      runController(
        { ...options, profileDir: run.dir, clusterId: run.clusterId, schedulerCommand },
        log,
        signal,
      )
    );
  });
}

/** Flags of controller and hub, beside ipcontroller's spellings, which are translated before. */
export function addControllerFlags(command: Command): void {
  addRunFlags(command);
  addTable(command, CONTROLLER_OPTIONS);
  addPeerFlags(command, IPCONTROLLER, CONTROLLER_OPTIONS);
  addLogFlags(command);
  command.addHelpText("after", SPELLINGS);
}

const SPELLINGS = `
As with ipcontroller: --ping <ms>, --dictdb, --sqlitedb, --mongodb, --nodb, --no-secure, --quiet, --usethreads, --init, and
--Class.trait=value, as in ipcontroller_config.py, for all that has a counterpart here`;
