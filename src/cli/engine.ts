/**
 * `tsparallel engine`: one engine host with one or more engines.
 */
import type { Command } from "commander";
import { number } from "../base/options.ts";
import { runEngineHost } from "../engine/engine.ts";
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

const ID = number(0, { unit: "id", max: 2 ** 31 - 1 }, "Id of the first engine");

/** Gives the command its options and action. */
export function defineEngine(command: Command): void {
  command.description("Run engines: each runs one task at a time, in a child process behind walls.");
  addRunFlags(command);
  command
    .option(
      "--file <path>",
      "the engines' connection file (default: security/ipcontroller-engine.json; or its text in IPP_CONNECTION_INFO)",
    )
    .option("--id <n>", "ask the hub for this id; further engines get the next ones");
  addTable(command, ENGINE_OPTIONS);
  addLogFlags(command);
  addExamples(command, [
    "tsparallel engine                            one engine for the controller here",
    "tsparallel engine --engines 8",
    "tsparallel engine --file ./ipcontroller-engine.json --memory-limit-mb 512",
  ]);
  command.action(async (flags: Flags) => {
    endWithParent();
    const run = await openRun(flags);
    const options = tableValues(ENGINE_OPTIONS, { flags, run, section: "engine" });
    const id = flags["id"] === undefined ? undefined : ID.read(flags["id"], "--id");
    const logger = openLog(flags, { name: "engine", dir: run.dir });
    const place = { profileDir: run.dir, clusterId: run.clusterId, file: textFlag(flags, "file") };
    const connectionInfo = Deno.env.get("IPP_CONNECTION_INFO");
    Deno.exitCode = await interruptible((signal) =>
      runEngineHost({ ...options, ...place, id, connectionInfo }, logger, signal)
    );
  });
}
