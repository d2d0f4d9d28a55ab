/**
 * `tsparallel engine`: one engine host with one or more engines.
 */
import type { Command } from "commander";
import { number, OptionError, type OptionValues } from "../base/options.ts";
import { isZ85Key, Z85_KEY } from "../base/z85.ts";
import { connectionFile } from "../cluster/live_controller.ts";
import { ENGINE_OPTIONS } from "../engine/options.ts";
import { enginePermissions } from "../engine/permission_options.ts";
import { type EngineConnection, parseConnection } from "../protocol/connection_file.ts";
import { awaitConnectionFile, type FileWait } from "./await_file.ts";
import { excess, type PermissionSet, readSet } from "../protocol/permissions.ts";
import {
  addExamples,
  addLogFlags,
  addRunFlags,
  addTable,
  type Flags,
  type Run,
  textFlag,
} from "./command.ts";
import { throughTunnel } from "./engine_way.ts";
import { interruptible } from "./interrupt.ts";
import { endWithParent } from "./parent.ts";
import { checkProfile } from "./known_profile.ts";
import type { OwnArguments } from "./peer_arguments.ts";
import { addPermissionFlags, permissionFlags } from "./permission_flags.ts";
import { addPeerFlags, IPENGINE, openPeerRun } from "./peer_program.ts";

const ID = number(0, { unit: "id", max: 2 ** 31 - 1 }, "Id of the first engine");

/** Where batch systems and MPI tell a process its rank. */
const RANKS = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID"];

/** Gives the command its options and action. */
export function defineEngine(command: Command, translated: OwnArguments): void {
  command.description(
    "Run engines: each runs one task at a time, in a child process behind walls. Waits up to 30 s for a controller.",
  );
  addEngineFlags(command);
  command.action(async (flags: Flags) => {
    endWithParent();
    const opened = await openPeerRun(IPENGINE, ENGINE_OPTIONS, { flags, translated });
    if (opened === null) return;
    const { run, options, log } = opened;
    const id = wantedId(opened.flags);
    const { ceiling, sets } = enginePermissions(options, permissionFlags(flags), {
      place: run.profile.place("engine", "permissions"),
      base: Deno.cwd(),
    });
    if (readsSecrets(ceiling, run.dir)) {
      log.warn(
        "Tasks may read this cluster's key: who has it may do everything; grant less, or deny the folder",
        {
          folder: `${run.dir}/security`,
        },
      );
    }
    const kernelFile = kernelFileOf(flags, options.engines);
    const isJupyters = Deno.env.has("JPY_PARENT_PID");
    const { runEngineHost } = await import("../engine/engine.ts");
    Deno.exitCode = await interruptible(async (signal) => {
      const wait = { signal, patienceMs: options.waitMs, log };
      const found = overridden(await connectionOf(opened.flags, run, wait), opened.flags);
      const connection = withServerKey(found, options);
      return await throughTunnel(connection, options, { log, signal }, (connection, signal) =>
        runEngineHost(
          { ...options, ...patience(options), ceiling, sets, connection, id, kernelFile, isJupyters },
          log,
          signal,
        ));
    });
  });
}

function addEngineFlags(command: Command): void {
  addRunFlags(command);
  command
    .option(
      "--file <path>",
      "the engines' connection file (default: security/ipcontroller-engine.json; or its text in IPP_CONNECTION_INFO)",
    )
    .option("--url <url>", "tcp://host:port of the hub, in place of the file's")
    .option("--location <host>", "the controller's machine, in place of the file's")
    .option(
      "--kernel-connection-file <path>",
      "be a Jupyter kernel too: bind the ports of this file, or free ones and write it; {id} stands for the engine's id",
    )
    .option("--id <n>", "ask the hub for this id; further engines get the next ones")
    .option("--mpi", "ask for the id that is this process's rank under MPI or Slurm");
  addTable(command, ENGINE_OPTIONS);
  addPermissionFlags(command);
  addPeerFlags(command, IPENGINE, ENGINE_OPTIONS);
  addLogFlags(command);
  command.addHelpText(
    "after",
    '\nPermissions are Deno\'s, by its names and syntax; without any, tasks may do nothing. A value stands behind "="; a flag without one allows\n' +
      'everything of its kind. Where the profile states "engine.permissions", flags can only narrow it.' +
      "\n\nAs with ipengine: --timeout <seconds>, --quiet and --Class.trait=value, as in ipengine_config.py, for all that has a counterpart here",
  );
  addExamples(command, [
    "tsparallel engine                            one engine for the controller here",
    "tsparallel engine --engines 8",
    "tsparallel engine --kernel-connection-file ./kernel.json    then: jupyter console --existing ./kernel.json",
    "tsparallel engine --allow-read=/data --allow-net=api.example.org:443    what tasks may do at most",
    "tsparallel engine --file ./ipcontroller-engine.json --memory-limit-mb 512",
  ]);
}

/** Whether tasks may read the files that have the cluster's key in them. */
function readsSecrets(ceiling: PermissionSet, dir: string): boolean {
  const secrets = readSet({ read: [`${dir}/security`] }, "security", Deno.cwd());
  return excess(secrets, ceiling).length === 0;
}

function wantedId(flags: Flags): number | undefined {
  if (flags["id"] !== undefined) return ID.read(flags["id"], "--id");
  if (flags["mpi"] !== true) return undefined;
  const rank = RANKS.map((name) => Deno.env.get(name)).find((text) => text !== undefined && text !== "");
  if (rank !== undefined) return ID.read(rank, "--mpi");
  throw new OptionError(
    `Cannot use "--mpi": none of ${
      RANKS.join(", ")
    } is set; start the engines with mpiexec or srun, or leave it out`,
  );
}

async function connectionOf(flags: Flags, run: Run, wait: FileWait): Promise<EngineConnection> {
  const file = textFlag(flags, "file");
  const told = Deno.env.get("IPP_CONNECTION_INFO") ?? "";
  if (file === undefined && told !== "") return parseConnection(told, "engine", "IPP_CONNECTION_INFO");
  if (file === undefined) await checkProfile(flags, run);
  const place = { profileDir: run.dir, clusterId: run.clusterId };
  return await awaitConnectionFile(file ?? connectionFile(place, "engine"), "engine", wait);
}

/** The connection with what `--url` and `--location` say in its place. */
function overridden(connection: EngineConnection, flags: Flags): EngineConnection {
  const location = textFlag(flags, "location") ?? connection.location;
  const url = textFlag(flags, "url");
  if (url === undefined || url === "") return { ...connection, location };
  const [, base, port] = /^(tcp:\/\/.+):(\d+)$/.exec(url) ?? [];
  if (base === undefined) {
    throw new OptionError(`Cannot use "${url}" for "--url": it takes tcp://host:port`);
  }
  return { ...connection, location, interface: base, registration: Number(port) };
}

type Settings = OptionValues<typeof ENGINE_OPTIONS>;

/** The file's key goes before the environment's, as with ipengine. */
function withServerKey(connection: EngineConnection, { curveServerKey }: Settings): EngineConnection {
  if (connection.curve_serverkey || curveServerKey === null || curveServerKey === "") return connection;
  if (!isZ85Key(curveServerKey)) {
    throw new OptionError(
      `Cannot use "${
        curveServerKey.slice(0, 60)
      }" for "--curve-server-key" (IPP_CURVE_SERVERKEY): ${Z85_KEY}`,
    );
  }
  return { ...connection, curve_serverkey: curveServerKey };
}

function patience({ timeoutMs, heartbeatMisses }: Settings) {
  return { registrationTimeoutMs: timeoutMs, patience: heartbeatMisses === 0 ? Infinity : heartbeatMisses };
}

/** @throws OptionError if several engines would write one file */
function kernelFileOf(flags: Flags, engines: number): string | undefined {
  const file = textFlag(flags, "kernelConnectionFile");
  if (file === undefined || engines === 1 || file.includes("{id}")) return file;
  throw new OptionError(
    `Cannot bind ${engines} engines with one file "${file}": put {id} into its name, which stands for each engine's id`,
  );
}
