/**
 * `tsparallel demo`: real work on a small cluster of its own.
 */
import type { Command } from "commander";
import { numberOrNone } from "../base/options.ts";
import { addExamples, type Flags, textFlag } from "./command.ts";
import { interruptible } from "./interrupt.ts";

const ENGINES = numberOrNone(null, { unit: "n", min: 1, max: 64 }, "Engines to start");
const TASKS = numberOrNone(null, { unit: "n", min: 10, max: 1_000_000 }, "Tasks");

/** Gives the command its options and action. */
export function defineDemo(command: Command): void {
  command.description(
    "Start a cluster, compute quantiles of 3,000,000 flights' delays on it, draw them, and say how fast it was.",
  );
  command
    .option("-n, --engines <n>", "engines to start (default: 2)")
    .option("--output <path>", "file of the plot")
    .option("--tasks <n>", "about how many tasks (default: 5000)")
    .option("--quick", "a tenth of the work")
    .option("--no-progress", "no progress bar");
  addExamples(command, ["tsparallel demo", "tsparallel demo -n 4 --output delays.svg"]);
  command.action(async (flags: Flags) => {
    const { runDemo } = await import("./demo.ts");
    const options = {
      engines: ENGINES.read(flags["engines"] ?? null, "--engines") ?? undefined,
      tasks: TASKS.read(flags["tasks"] ?? null, "--tasks") ?? undefined,
      output: textFlag(flags, "output"),
      isQuick: flags["quick"] === true,
      hasProgress: flags["progress"] !== false,
    };
    Deno.exitCode = await interruptible((signal) => runDemo({ ...options, signal }));
  });
}
