/**
 * `tsparallel cluster start`: in the foreground until Ctrl-C, or in the background with `--daemonize`. The process that stays is the
 * cluster's watchman: a set of engines that dies is replaced, a controller that dies ends the whole.
 */
import type { Command } from "commander";
import type { OptionValues } from "../base/options.ts";
import { profileDir } from "../base/profile_dir.ts";
import { Cluster, ClusterError } from "../cluster/cluster.ts";
import { pidFilePath, removeIfThere, writeWhole } from "../cluster/cluster_file.ts";
import { connectionFile } from "../cluster/live_controller.ts";
import { CLUSTER_OPTIONS } from "../cluster/options.ts";
import { identify, lastLines, type Process, programCommand, startProcess } from "../cluster/process.ts";
import type { Part } from "../cluster/launcher.ts";
import { prepareRunFolder } from "../cluster/run_folder.ts";
import { Supervision } from "../cluster/supervision.ts";
import { readConnectionFile } from "../protocol/connection_file.ts";
import { permissionArguments } from "../protocol/permission_flags.ts";
import {
  addExamples,
  addRunFlags,
  addTable,
  clusterName,
  type Flags,
  openRun,
  type Run,
  tableValues,
} from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { addPermissionFlags, givenPermissionFlags } from "./permission_flags.ts";
import { interruptible } from "./interrupt.ts";

/** The time in which restarts are counted. */
const RESTART_PERIOD_MS = 60_000;

/** Tells the background process that it is one. */
const DAEMON_VARIABLE = "TSPARALLEL_DAEMON";

type Settings = OptionValues<typeof CLUSTER_OPTIONS>;

/** Gives the command its options and action. */
export function defineStart(command: Command): void {
  command.description("Start a controller and engines here; Ctrl-C ends them all.");
  addRunFlags(command);
  const { n: _, ...table } = CLUSTER_OPTIONS;
  command.option("-n, --n <engines>", "how many engines to start (default: one per processor)");
  addTable(command, table);
  addPermissionFlags(command);
  command.option("--daemonize", "go on in the background; return when the engines are there");
  addExamples(command, [
    "tsparallel cluster start -n 4",
    "tsparallel cluster start -n 4 --daemonize",
    "tsparallel cluster start --allow-read=/data --allow-net=api.example.org:443    what tasks may do",
    "tsparallel cluster start -n 2 --profile untrusted --controller-args=--ping=250 --engine-args=--memory-limit-mb=512",
  ]);
  command.action(async (flags: Flags) => {
    const run = await openRun(flags);
    const chosen = tableValues(CLUSTER_OPTIONS, { flags, run, section: "cluster" });
    // What the environment says of permissions the engines inherit.
    const permissions = permissionArguments(givenPermissionFlags(flags));
    const settings = { ...chosen, engineArgs: [...permissions, ...chosen.engineArgs] };
    prepareRunFolder(run.dir);
    Deno.exitCode = await interruptible((signal) =>
      flags["daemonize"] === true
        ? startInBackground(run, { settings, signal })
        : startAndWatch(run, { settings, signal, name: flags })
    );
  });
}

interface Watch {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly name: Flags;
}

async function startAndWatch(run: Run, watch: Watch): Promise<number> {
  const { settings, signal } = watch;
  const n = settings.n ?? navigator.hardwareConcurrency;
  const pidFile = pidFilePath(run.dir, run.clusterId);
  await using cluster = await Cluster.start({
    ...clusterName(watch.name),
    ...settings,
    n,
    signal,
    isSupervisor: true,
    onRemark: (text) => console.error(text),
  });
  const { pid, born } = identify(Deno.pid);
  try {
    show(await startText(cluster, run));
    writeWhole(pidFile, `${pid}\n${born ?? ""}\n`);
    return await watchOver(cluster, settings, signal);
  } finally {
    await cluster.stop();
    removeIfThere(pidFile);
  }
}

/** Until the signal: starts engines again that died; ends when the controller did, or no engines are left that could be. */
async function watchOver(cluster: Cluster, settings: Settings, signal: AbortSignal): Promise<number> {
  const interrupted = new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null)));
  const { maxRestarts, restartBackoffMs: backoffMs } = settings;
  const supervision = new Supervision({
    maxRestarts,
    periodMs: RESTART_PERIOD_MS,
    backoffMs,
    maxBackoffMs: RESTART_PERIOD_MS,
  });
  const restarts = new Set<Promise<void>>();
  while (!signal.aborted) {
    const end = await Promise.race([interrupted, cluster.partEnded()]);
    if (end === null) break;
    console.error(end.sentence);
    const { kind, n, set, launcher } = end.part.saved;
    if (kind === "controller") return EXIT.failed;
    const verdict = supervision.died(set, performance.now());
    if (verdict.kind === "give up") {
      console.error(
        `Engine set "${set}" died ${verdict.restarts + 1} times within a minute: it is not started again`,
      );
      if (cluster.engineCount > 0 || restarts.size > 0) continue;
      console.error("No engines are left: the cluster ends");
      return EXIT.failed;
    }
    const restart = startAgain(cluster, { n, set, launcher, delayMs: verdict.delayMs, signal });
    restarts.add(restart);
    void restart.finally(() => restarts.delete(restart));
  }
  show(["Stopping the cluster"]);
  return EXIT.ok;
}

interface Restart {
  readonly n: number;
  readonly set: string;
  readonly launcher: string;
  readonly delayMs: number;
  readonly signal: AbortSignal;
}

async function startAgain(cluster: Cluster, { n, set, launcher, delayMs, signal }: Restart): Promise<void> {
  if (delayMs > 0) await elapsed(delayMs, signal);
  if (signal.aborted) return;
  try {
    await cluster.startEngines(n, { set, launcher });
    console.error(`Started ${n} engines in their place, as set "${set}"`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
  }
}

/** Resolves after so long, or when the signal comes. */
function elapsed(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** What users of ipcluster and ipcontroller look for. */
async function startText(cluster: Cluster, run: Run): Promise<string[]> {
  const file = readConnectionFile(connectionFile(cluster.place, "client"), "client");
  await using client = await cluster.client();
  const { database } = await client.status();
  const [first, ...engines] = cluster.parts;
  const by = (part: Part | undefined) =>
    part === undefined ? "" : `${part.saved.launcher} launcher, ${part.label}`;
  return [
    `Cluster of profile "${run.profileName}"${
      run.clusterId === "" ? "" : `, id "${run.clusterId}"`
    } in ${run.dir}`,
    `  settings     ${settingsOf(run)}`,
    `  hub          listening on ${file.interface}:${file.registration}`,
    `  database     ${database}`,
    `  scheme       ${file.task_scheme}`,
    `  controller   ${by(first)}`,
    `  engines      ${cluster.engineCount}, ${by(engines[0])}`,
    `  client file  ${connectionFile(cluster.place, "client")}`,
    `  engine file  ${connectionFile(cluster.place, "engine")}`,
    `  pid file     ${pidFilePath(run.dir, run.clusterId)}`,
    `  logs         ${run.dir}/log`,
    Deno.env.has(DAEMON_VARIABLE)
      ? `All engines are there. \`tsparallel cluster stop${stopFlags(run)}\` ends them`
      : "All engines are there. Ctrl-C ends them",
  ];
}

/** What `cluster stop` must be told to mean this cluster and no other. */
function stopFlags({ dir, clusterId }: Run): string {
  const folder = dir === profileDir() ? "" : ` --profile-dir ${dir}`;
  return `${folder}${clusterId === "" ? "" : ` --cluster-id ${clusterId}`}`;
}

function show(lines: readonly string[]): void {
  console.log(lines.join("\n"));
}

/** The same command without `--daemonize`, in a session of its own; resolves when its engines are there. */
async function startInBackground(
  run: Run,
  { settings, signal }: { readonly settings: Settings; readonly signal: AbortSignal },
): Promise<number> {
  const suffix = run.clusterId === "" ? "" : `-${run.clusterId}`;
  const logPath = `${run.dir}/log/ipcluster${suffix}.log`;
  removeIfThere(logPath);
  const program = programCommand();
  const args = Deno.args.filter((word) => word !== "--daemonize");
  const daemon = await startProcess({
    command: program.command,
    args: [...program.args, ...args],
    environment: { [DAEMON_VARIABLE]: "1", NO_COLOR: "1" },
    logPath,
  });
  const { launcher, controller, engines } = settings;
  if ([launcher, controller, engines].includes("proxy")) {
    console.error(`Waits for what others start; what they are to run is in ${logPath}`);
  }
  const end = daemon.ended.then(({ code }) => ({ kind: "ended", code }) as const);
  const ready = isReady(daemon, { pidFile: pidFilePath(run.dir, run.clusterId), signal }).then((ok) =>
    ({ kind: ok ? "ready" : "given up" }) as const
  );
  const outcome = await Promise.race([end, ready]);
  const words = lastLines(logPath, 40).join("\n");
  switch (outcome.kind) {
    case "ready":
      show([words]);
      return EXIT.ok;
    case "given up":
      Deno.kill(daemon.id.pid, "SIGTERM");
      await daemon.ended;
      throw new ClusterError(`Cannot start the cluster: it was interrupted; see ${logPath}`);
    case "ended":
      throw new ClusterError(
        words.replace(/^tsparallel: /, "") || `Cannot start the cluster: see ${logPath}`,
      );
  }
}

/** Whether the pid file came to name this process; how long that may take is that process's to say. */
async function isReady(
  daemon: Process,
  wait: { readonly pidFile: string; readonly signal: AbortSignal },
): Promise<boolean> {
  let isOver = false;
  void daemon.ended.then(() => isOver = true);
  while (!isOver && !wait.signal.aborted) {
    if (lastLines(wait.pidFile, 2)[0] === String(daemon.id.pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** Where the settings come from: a name without settings of its own has the default's, which a misspelt one must not hide. */
function settingsOf({ profile, profileName }: Run): string {
  if (profile.path === null) return "the program's own defaults";
  const isOwn = profileName === "default" || !profile.path.endsWith("/default.jsonc");
  return isOwn ? profile.path : `${profile.path} (there are none for "${profileName}")`;
}
