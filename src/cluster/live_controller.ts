/**
 * Whether a controller serves a profile and cluster id already, and what a dead one left behind.
 */
import { connectionPaths, type ConnectionRole, removeSchedulerFile } from "../protocol/connection_file.ts";
import { removeIfThere } from "./cluster_file.ts";
import type { ClusterPlace } from "./launcher.ts";
import { isAlive, type ProcessId } from "./process.ts";

/** The file that tells clients, engines or schedulers how to connect. */
export function connectionFile(place: Omit<ClusterPlace, "profile">, role: ConnectionRole): string {
  return connectionPaths(place.profileDir, place.clusterId)[role];
}

/** Says who serves this place, `controller with pid 7`; undefined if nobody does. */
export async function liveController(place: ClusterPlace): Promise<string | undefined> {
  const id = controllerId(place);
  if (id !== undefined) return isAlive(id) ? `controller with pid ${id.pid}` : undefined;
  const port = registrationPort(connectionFile(place, "client"));
  return port !== undefined && await answers(port) ? `controller at port ${port}` : undefined;
}

/** Removes what a controller that was killed left: its pid file, and its connection files unless they are to be kept. */
export function removeControllerFiles(place: ClusterPlace, which: "all" | "keep connection files"): void {
  removeIfThere(controllerPidFile(place));
  if (which === "all") removeConnectionFiles(place);
}

function controllerPidFile(place: ClusterPlace): string {
  return `${place.profileDir}/pid/ipcontroller${place.clusterId === "" ? "" : `-${place.clusterId}`}.pid`;
}

/** What the controller's pid file says: pid, and start in ticks on the second line. */
function controllerId(place: ClusterPlace): ProcessId | undefined {
  try {
    const [pid = "", born = ""] = Deno.readTextFileSync(controllerPidFile(place)).split("\n");
    return Number(pid) > 0 ? { pid: Number(pid), born: born === "" ? null : born } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes connection files; only after their controller was found dead. */
export function removeConnectionFiles(place: ClusterPlace): void {
  const { client, engine, scheduler } = connectionPaths(place.profileDir, place.clusterId);
  removeSchedulerFile(scheduler);
  for (const path of [client, engine]) removeIfThere(path);
}

function registrationPort(path: string): number | undefined {
  try {
    const port: unknown = JSON.parse(Deno.readTextFileSync(path)).registration;
    return typeof port === "number" ? port : undefined;
  } catch {
    return undefined;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
