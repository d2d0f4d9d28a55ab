/**
 * `tsparallel cluster logs`: the last words of controller and engine sets, from wherever their launcher keeps them.
 */
import type { Command } from "commander";
import { number, OptionError } from "../base/options.ts";
import { Cluster } from "../cluster/cluster.ts";
import { clusterFilePath } from "../cluster/cluster_file.ts";
import { jobName, type Part } from "../cluster/launcher.ts";
import { addExamples, addRunFlags, type Flags, openRun } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

const LINES = number(20, { unit: "lines", min: 1, max: 100_000 }, "Lines of each");

/** Gives the command its options and action. */
export function defineLogs(command: Command): void {
  command.description("Show the logs of a cluster's parts, also of one that is gone and left its file.");
  command.argument("[parts...]", '"controller", or ids of engine sets; default: all');
  addRunFlags(command);
  command.option("-l, --lines <n>", `lines of each (default: ${LINES.default})`);
  addExamples(command, [
    "tsparallel cluster logs",
    "tsparallel cluster logs controller --lines 100",
    "tsparallel cluster logs 0 night",
  ]);
  command.action(async (wanted: readonly string[], flags: Flags) => {
    const run = await openRun(flags);
    const lines = flags["lines"] === undefined ? LINES.default : LINES.read(flags["lines"], "--lines");
    const cluster = await Cluster.fromFile(clusterFilePath(run.dir, run.clusterId));
    for (const part of partsNamed(cluster, wanted)) await show(part, cluster, lines);
    Deno.exitCode = EXIT.ok;
  });
}

function partsNamed(cluster: Cluster, wanted: readonly string[]): readonly Part[] {
  if (wanted.length === 0) return cluster.parts;
  return wanted.map((name) => {
    const part = name === "controller" ? cluster.controller : cluster.engineSets.get(name);
    if (part !== undefined) return part;
    const names = ["controller", ...cluster.engineSets.keys()].join(", ");
    throw new OptionError(`Cannot find part "${name}" of the cluster; there are ${names}`);
  });
}

async function show(part: Part, { place }: Cluster, count: number): Promise<void> {
  const { kind, set, log } = part.saved;
  const lines = await part.lastLines(count);
  console.log(`==> ${jobName({ kind, set, place })} (${part.label}): ${log} <==`);
  for (const line of lines) console.log(line);
}
