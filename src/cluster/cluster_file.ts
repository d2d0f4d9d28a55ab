/**
 * The cluster file, `security/tsparallel-cluster-<id>.json`: which processes make up a cluster, so that another process can find and end it.
 */
import { dirname } from "node:path";
import type { Json, SavedPart } from "./launcher.ts";
import { isProcessId, type ProcessId } from "./process.ts";

/** What is written down about a running cluster. */
export interface ClusterRecord {
  readonly version: 2;
  readonly clusterId: string;
  readonly profile: string;
  readonly profileDir: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The `tsparallel cluster start` that watches over it; null if a program did that itself. */
  readonly supervisor: ProcessId | null;
  /** Its connection files stay when it ends. */
  readonly keepsFiles: boolean;
  readonly controller: SavedPart;
  readonly engines: readonly SavedPart[];
  /** The options of the cluster that counted at its start, so that engines which come later are started alike. */
  readonly settings: { readonly [key: string]: Json };
}

/** A cluster file that says nothing usable; the message is a sentence for the user. */
export class ClusterFileError extends Error {
  override readonly name = "ClusterFileError";
}

/** Where the file of a cluster is. */
export function clusterFilePath(profileDir: string, clusterId: string): string {
  return `${profileDir}/security/tsparallel-cluster-${clusterId}.json`;
}

/** Where the pid of `tsparallel cluster start` is. */
export function pidFilePath(profileDir: string, clusterId: string): string {
  return `${profileDir}/pid/ipcluster${clusterId === "" ? "" : `-${clusterId}`}.pid`;
}

/** Writes the file under a temporary name, mode 0600, and renames it. */
export function writeClusterFile(record: ClusterRecord): string {
  const path = clusterFilePath(record.profileDir, record.clusterId);
  writeWhole(path, JSON.stringify(record, null, 2) + "\n");
  return path;
}

/** Writes a file so that nobody ever reads half of it. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${Deno.pid}.tmp`;
  Deno.writeTextFileSync(temporary, text, { mode: 0o600 });
  Deno.renameSync(temporary, path);
}

/**
 * Reads a cluster file; undefined if there is none.
 * @throws ClusterFileError if it is there and cannot be understood
 */
export function readClusterFile(path: string): ClusterRecord | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new ClusterFileError(
      `Cannot read cluster file "${path}": ${error instanceof Error ? error.message : error}`,
    );
  }
  const record = parse(text);
  if (isClusterRecord(record)) return record;
  throw new ClusterFileError(
    `Cannot read cluster file "${path}": it is none of version 2; end its processes and remove it`,
  );
}

/**
 * Changes a cluster's file, so that nobody's change is lost: several processes may start and end engines of one cluster.
 * @param change gives the new record; null leaves all as it is
 * @returns what is in the file now; undefined if there is none, and `change` was not asked
 */
export function changeClusterFile(
  path: string,
  change: (record: ClusterRecord) => ClusterRecord | null,
): ClusterRecord | undefined {
  const unlock = lockFolder(dirname(path));
  try {
    const record = readClusterFile(path);
    if (record === undefined) return undefined;
    const changed = change(record);
    if (changed !== null) writeClusterFile(changed);
    return changed ?? record;
  } finally {
    unlock();
  }
}

/** An exclusive lock of a folder, where the system has them for folders; one that cannot be had (some network file systems) is done without. */
function lockFolder(folder: string): () => void {
  if (Deno.build.os === "windows") return () => {};
  let handle: Deno.FsFile | undefined;
  try {
    handle = Deno.openSync(folder, { read: true });
    handle.lockSync(true);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
  }
  return () => handle?.close();
}

/** Removes a file that may be gone already. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isClusterRecord(value: unknown): value is ClusterRecord {
  if (!isObject(value)) return false;
  const texts = ["clusterId", "profile", "profileDir", "startedAt"];
  return value["version"] === 2 && typeof value["keepsFiles"] === "boolean" &&
    texts.every((key) => typeof value[key] === "string") && isObject(value["settings"]) &&
    (value["supervisor"] === null || isProcessId(value["supervisor"])) &&
    isSavedPart(value["controller"]) && Array.isArray(value["engines"]) &&
    value["engines"].every(isSavedPart);
}

function isSavedPart(value: unknown): value is SavedPart {
  return isObject(value) && (value["kind"] === "controller" || value["kind"] === "engines") &&
    typeof value["n"] === "number" && "handle" in value &&
    ["set", "launcher", "log"].every((key) => typeof value[key] === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
