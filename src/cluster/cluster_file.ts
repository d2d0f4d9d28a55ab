/**
 * The cluster file, `security/tsparallel-cluster-<id>.json`: which processes make up a cluster, so that another process can find and end it.
 */
import type { SavedPart } from "./launcher.ts";
import { isAlive, type ProcessId } from "./process.ts";

/** What is written down about a running cluster. */
export interface ClusterRecord {
  /** Of the file's form. */
  readonly version: 1;
  /** Tells several clusters of a profile apart; may be empty. */
  readonly clusterId: string;
  /** Name of the profile. */
  readonly profile: string;
  /** The profile's folder, absolute. */
  readonly profileDir: string;
  /** Name of what started the processes. */
  readonly launcher: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The `tsparallel cluster start` that watches over it; null if a program did that itself. */
  readonly supervisor: ProcessId | null;
  /** Its connection files stay when it ends. */
  readonly keepsFiles: boolean;
  /** The controller. */
  readonly controller: SavedPart;
  /** The engine sets, the oldest first. */
  readonly engines: readonly SavedPart[];
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
    `Cannot read cluster file "${path}": it is none of version 1; end its processes and remove it`,
  );
}

/** Whether any process of the cluster still runs. */
export function hasLiveParts(record: ClusterRecord): boolean {
  return [record.controller, ...record.engines].some(isAlive) ||
    (record.supervisor !== null && isAlive(record.supervisor));
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
  const texts = ["clusterId", "profile", "profileDir", "launcher", "startedAt"];
  return value["version"] === 1 && typeof value["keepsFiles"] === "boolean" &&
    texts.every((key) => typeof value[key] === "string") &&
    (value["supervisor"] === null || isProcessId(value["supervisor"])) &&
    isSavedPart(value["controller"]) && Array.isArray(value["engines"]) &&
    value["engines"].every(isSavedPart);
}

function isSavedPart(value: unknown): value is SavedPart {
  return isProcessId(value) && "n" in value && typeof value.n === "number" && "log" in value &&
    typeof value.log === "string" && "kind" in value &&
    (value.kind === "controller" || value.kind === "engines");
}

function isProcessId(value: unknown): value is ProcessId {
  return isObject(value) && Number.isInteger(value["pid"]) && Number(value["pid"]) > 0 &&
    (value["born"] === null || typeof value["born"] === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
