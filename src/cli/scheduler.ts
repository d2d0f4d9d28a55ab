/**
 * `tsparallel scheduler`: the schedulers as a process of their own, beside a hub that runs already.
 */
import type { Command } from "commander";
import { addExamples, addLogFlags, addRunFlags, type Flags, openLog, openRun, textFlag } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";

/** Gives the command its options and action. */
export function defineScheduler(command: Command): void {
  command.description(
    "Run the schedulers alone. The hub of the same profile tells them ports, key and scheme.",
  );
  addRunFlags(command);
  command.option(
    "--file <path>",
    "the hub's file for schedulers (default: security/ipcontroller-scheduler.json)",
  );
  addLogFlags(command);
  addExamples(command, ["tsparallel scheduler", "tsparallel scheduler --profile=mine --debug"]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const run = await openRun(flags);
    const logger = openLog(flags, { name: "scheduler", dir: run.dir });
    const options = { profileDir: run.dir, clusterId: run.clusterId, file: textFlag(flags, "file") };
    const { runScheduler } = await import("../scheduler/scheduler.ts");
    Deno.exitCode = await interruptible((signal) => runScheduler(options, logger, signal));
  });
}
