/**
 * `tsparallel hub`: the hub as a process of its own; schedulers find it by the file security/ipcontroller-scheduler.json.
 */
import type { Command } from "commander";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { CONTROLLER_OPTIONS } from "../controller/options.ts";
import { addExamples, type Flags } from "./command.ts";
import { addControllerFlags } from "./controller.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";
import type { OwnArguments } from "./peer_arguments.ts";
import { IPCONTROLLER, openPeerRun } from "./peer_program.ts";

/** Gives the command its options and action. */
export function defineHub(command: Command, translated: OwnArguments): void {
  command.description(
    "Run the hub alone: registration, heartbeats, records. It needs `tsparallel scheduler` beside it.",
  );
  addControllerFlags(command);
  addExamples(command, ["tsparallel hub & tsparallel scheduler", "tsparallel hub --profile=mine --nodb"]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const opened = await openPeerRun(IPCONTROLLER, CONTROLLER_OPTIONS, { flags, translated });
    if (opened === null) return;
    const { run, options, log } = opened;
    prepareRunFolder(run.dir);
    const { runHub } = await import("../controller/controller.ts");
    Deno.exitCode = await interruptible((signal) =>
      runHub({ ...options, profileDir: run.dir, clusterId: run.clusterId }, log, signal)
    );
  });
}
