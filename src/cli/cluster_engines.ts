/**
 * `tsparallel cluster engines`: adds engines to a cluster that runs, whoever started it, ends sets of them, starts them anew.
 */
import type { Command } from "commander";
import { number } from "../base/options.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { launcherName } from "../cluster/launchers.ts";
import type { Part } from "../cluster/launcher.ts";
import { addExamples, addRunFlags, type Flags, openRun, type Run, textFlag } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { runningCluster } from "./running_cluster.ts";
import { tableText } from "./table_text.ts";

const COUNT = number(1, { unit: "engines", min: 1, max: 100_000 }, "How many engines");

/** Gives the command its subcommands. */
export function defineEngines(command: Command): void {
  command.description("Add engines to a running cluster, end or restart sets of them, list the sets.");
  defineAdd(command.command("add [n]"));
  defineOnSets(command.command("remove [sets...]"), {
    what: "End sets of engines; without an id, all of them.",
    done: "Ended",
    act: (cluster, set) => cluster.stopEngines(set),
  });
  defineOnSets(command.command("restart [sets...]"), {
    what: "End sets of engines and start as many under the same ids; without an id, all of them.",
    done: "Restarted",
    act: (cluster, set) => cluster.restartEngines(set, { isDetached: true }),
  });
  defineSets(command.command("list"));
  addExamples(command, [
    "tsparallel cluster engines add 4",
    "tsparallel cluster engines add 64 --launcher slurm --set night",
    "tsparallel cluster engines remove night",
    "tsparallel cluster engines list",
  ]);
}

function defineAdd(command: Command): void {
  command.description("Start more engines, as a set of their own.");
  addRunFlags(command);
  command
    .option("--set <id>", "the set's id (default: the next free number)")
    .option("--launcher <launcher>", "who starts them (default: who started the others)");
  addExamples(command, [
    "tsparallel cluster engines add 4",
    "tsparallel cluster engines add 8 --set big --launcher slurm",
  ]);
  command.action(async (n: string | undefined, flags: Flags) => {
    const count = n === undefined ? 1 : COUNT.read(n, "n");
    const given = textFlag(flags, "launcher");
    const launcher = given === undefined ? undefined : launcherName(given, "--launcher");
    const cluster = await runningCluster(await openRun(flags));
    const set = await cluster.startEngines(count, {
      set: textFlag(flags, "set"),
      launcher,
      isDetached: true,
    });
    const part = cluster.engineSets.get(set);
    console.log(
      part?.remarks?.started ?? `Started ${engines(count)} as set "${set}": ${labelOf(part)}`,
    );
    Deno.exitCode = EXIT.ok;
  });
}

interface SetAction {
  readonly what: string;
  readonly done: string;
  readonly act: (cluster: Cluster, set: string) => Promise<void>;
}

function defineOnSets(command: Command, { what, done, act }: SetAction): void {
  command.description(what);
  addRunFlags(command);
  command.action(async (given: readonly string[], flags: Flags) => {
    const cluster = await runningCluster(await openRun(flags));
    const sets = given.length > 0 ? [...new Set(given)] : [...cluster.engineSets.keys()];
    for (const set of sets) cluster.engineSet(set);
    for (const set of sets) {
      const { saved: { n }, remarks } = cluster.engineSet(set);
      await act(cluster, set);
      console.log(remarks?.stopped ?? `${done} set "${set}" of ${engines(n)}`);
      const again = cluster.engineSets.get(set)?.remarks;
      if (again !== undefined) console.log(again.started);
    }
    if (sets.length === 0) console.log("There are no engines");
    Deno.exitCode = EXIT.ok;
  });
}

function defineSets(command: Command): void {
  command.description("List the sets of engines with their states.");
  addRunFlags(command);
  command.option("--json", "one JSON document");
  command.action(async (flags: Flags) => {
    const run = await openRun(flags);
    const cluster = await runningCluster(run);
    const sets = await Promise.all([...cluster.engineSets.values()].map(described));
    console.log(flags["json"] === true ? JSON.stringify(sets) : setsText(sets, run));
    Deno.exitCode = EXIT.ok;
  });
}

async function described(part: Part) {
  const { set, n, launcher, log } = part.saved;
  const { is, words } = await part.state().catch((error) => ({
    is: "unknown",
    words: error instanceof Error ? error.message : String(error),
  }));
  return { set, n, launcher, state: is, words, label: part.label, log };
}

function setsText(sets: readonly Awaited<ReturnType<typeof described>>[], run: Run): string {
  if (sets.length === 0) return `The cluster of profile "${run.profileName}" has no engines`;
  const rows = sets.map(({ set, n, launcher, state, words, label }) => [
    set,
    String(n),
    launcher,
    words === "" ? state : `${state}: ${words}`,
    label,
  ]);
  return tableText(["set", "engines", "launcher", "state", "where"], rows);
}

function labelOf(part: Part | undefined): string {
  return part === undefined ? "" : `${part.saved.launcher} launcher, ${part.label}`;
}

function engines(n: number): string {
  return n === 1 ? "1 engine" : `${n} engines`;
}
