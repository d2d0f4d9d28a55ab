/**
 * `tsparallel cluster`: starts a controller with engines and watches over them, ends them, lists them.
 */
import type { Command } from "commander";
import { defineClean } from "./cluster_clean.ts";
import { defineEngines } from "./cluster_engines.ts";
import { defineList } from "./cluster_list.ts";
import { defineLogs } from "./cluster_logs.ts";
import { defineStart } from "./cluster_start.ts";
import { defineStop } from "./cluster_stop.ts";
import { addExamples } from "./command.ts";

/** Gives the command its subcommands. */
export function defineCluster(command: Command): void {
  command.description(
    "Start a controller with engines and watch over them; stop or list such clusters, change their engines.",
  );
  defineStart(command.command("start"));
  defineStop(command.command("stop"));
  defineList(command.command("list"));
  defineEngines(command.command("engines"));
  defineLogs(command.command("logs"));
  defineClean(command.command("clean"));
  addExamples(command, [
    "tsparallel cluster start -n 4",
    "tsparallel cluster start -n 4 --profile untrusted --daemonize",
    "tsparallel cluster stop --profile untrusted",
    "tsparallel cluster list --json",
    "tsparallel cluster engines add 4",
  ]);
}
