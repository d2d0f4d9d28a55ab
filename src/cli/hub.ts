/**
 * `tsparallel hub`: the hub as a process of its own; schedulers find it by the file security/ipcontroller-scheduler.json.
 */
import type { Command } from "commander";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { addExamples, type Flags, openLog, openRun } from "./command.ts";
import { addControllerFlags, controllerValues } from "./controller.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";

/** Gives the command its options and action. */
export function defineHub(command: Command): void {
  command.description(
    "Run the hub alone: registration, heartbeats, records. It needs `tsparallel scheduler` beside it.",
  );
  addControllerFlags(command);
  addExamples(command, ["tsparallel hub & tsparallel scheduler", "tsparallel hub --profile=mine --nodb"]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const run = await openRun(flags);
    const options = controllerValues(flags, run);
    const logger = openLog(flags, { name: "hub", dir: run.dir });
    prepareRunFolder(run.dir);
    const { runHub } = await import("../controller/controller.ts");
    Deno.exitCode = await interruptible((signal) =>
      runHub({ ...options, profileDir: run.dir, clusterId: run.clusterId }, logger, signal)
    );
  });
}
