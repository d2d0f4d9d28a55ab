/**
 * `tsparallel engine`: one engine host with one or more engines.
 */
import type { Command } from "commander";
import { number } from "../base/options.ts";
import { connectionFile } from "../cluster/live_controller.ts";
import { parseConnection } from "../protocol/connection_file.ts";
import { awaitConnectionFile } from "./await_file.ts";
import { ENGINE_OPTIONS } from "../engine/options.ts";
import {
  addExamples,
  addLogFlags,
  addRunFlags,
  addTable,
  type Flags,
  openLog,
  openRun,
  tableValues,
  textFlag,
} from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";

/** How long the controller's file may take to appear. */
const FILE_PATIENCE_MS = 30_000;

const ID = number(0, { unit: "id", max: 2 ** 31 - 1 }, "Id of the first engine");

/** Gives the command its options and action. */
export function defineEngine(command: Command): void {
  command.description(
    "Run engines: each runs one task at a time, in a child process behind walls. Waits up to 30 s for a controller.",
  );
  addRunFlags(command);
  command
    .option(
      "--file <path>",
      "the engines' connection file (default: security/ipcontroller-engine.json; or its text in IPP_CONNECTION_INFO)",
    )
    .option(
      "--kernel-connection-file <path>",
      "be a Jupyter kernel too: bind the ports of this file, or free ones and write it; {id} stands for the engine's id",
    )
    .option("--id <n>", "ask the hub for this id; further engines get the next ones");
  addTable(command, ENGINE_OPTIONS);
  addLogFlags(command);
  addExamples(command, [
    "tsparallel engine                            one engine for the controller here",
    "tsparallel engine --engines 8",
    "tsparallel engine --kernel-connection-file ./kernel.json    then: jupyter console --existing ./kernel.json",
    "tsparallel engine --file ./ipcontroller-engine.json --memory-limit-mb 512",
  ]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const run = await openRun(flags);
    const options = tableValues(ENGINE_OPTIONS, { flags, run, section: "engine" });
    const id = flags["id"] === undefined ? undefined : ID.read(flags["id"], "--id");
    const logger = openLog(flags, { name: "engine", dir: run.dir });
    const connectionInfo = Deno.env.get("IPP_CONNECTION_INFO");
    const file = textFlag(flags, "file");
    const kernelFile = kernelFileOf(flags, options.engines);
    const isJupyters = Deno.env.has("JPY_PARENT_PID");
    const place = { profileDir: run.dir, clusterId: run.clusterId };
    const { runEngineHost } = await import("../engine/engine.ts");
    Deno.exitCode = await interruptible(async (signal) => {
      const isTold = file === undefined && connectionInfo !== undefined && connectionInfo !== "";
      const connection = isTold
        ? parseConnection(connectionInfo, "engine", "IPP_CONNECTION_INFO")
        : await awaitConnectionFile(file ?? connectionFile(place, "engine"), "engine", {
          signal,
          patienceMs: FILE_PATIENCE_MS,
          log: logger,
        });
      return await runEngineHost({ ...options, connection, id, kernelFile, isJupyters }, logger, signal);
    });
  });
}

/** @throws Error if several engines would write one file */
function kernelFileOf(flags: Flags, engines: number): string | undefined {
  const file = textFlag(flags, "kernelConnectionFile");
  if (file === undefined || engines === 1 || file.includes("{id}")) return file;
  throw new RangeError(
    `Cannot bind ${engines} engines with one file "${file}": put {id} into its name, which stands for each engine's id`,
  );
}
