/**
 * What a launcher is: it starts a program somewhere, so many times as it takes, watches it, finds it again from what was saved, signals it and ends it.
 *
 * A launcher knows no roles: a controller is a program of no engines, and how many engines one process may house is the program's to say. Each launcher is
 * one short file; `launchers.ts` lists them. Batch systems share `batch.ts`.
 */
import type { Program } from "./program.ts";

/** Where a cluster lives, as every part of it is told. */
export interface ClusterPlace {
  /** Name of the profile. */
  readonly profile: string;
  /** The profile's folder, absolute. */
  readonly profileDir: string;
  /** Tells several clusters of a profile apart; may be empty. */
  readonly clusterId: string;
}

/** What is to be started. */
export interface Job {
  readonly kind: "controller" | "engines";
  /** Engines; 0 for a controller. */
  readonly n: number;
  /** The engine set's id; empty for a controller. */
  readonly set: string;
  readonly place: ClusterPlace;
  readonly program: Program;
  /** Variables that its processes get on top of what they have where they run. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Values that can be written as JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A controller or a set of engines, as the cluster file keeps it. */
export interface SavedPart {
  /** Which of the two. */
  readonly kind: "controller" | "engines";
  /** How many engines; 0 for a controller. */
  readonly n: number;
  /** The engine set's id; empty for a controller. */
  readonly set: string;
  /** The launcher's name. */
  readonly launcher: string;
  /** Path of its output, on this machine or where the launcher says. */
  readonly log: string;
  /** How the launcher finds it again: pids, job ids, hosts. */
  readonly handle: Json;
}

/** How a part is. */
export interface PartState {
  /** `waiting`: not started by the system that has it yet. */
  readonly is: "waiting" | "running" | "ended";
  /** The system's own words, like `PENDING (Resources)`; empty if it has none. */
  readonly words: string;
}

/** Signals that are sent to parts. */
export type SignalName =
  | "SIGINT"
  | "SIGTERM"
  | "SIGKILL"
  | "SIGHUP"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGCONT"
  | "SIGSTOP";

/** A controller or a set of engines that was started. */
export interface Part {
  /** What is written down about it. */
  readonly saved: SavedPart;
  /** The process on this machine that is the part or stands for it; null where there is none. */
  readonly pid: number | null;
  /** How it is named to people: `pid 12`, `job 34`, `pid 56 on node1`. */
  readonly label: string;
  /** Settles with a phrase about its end: `it ended with code 1`. May stay pending for a part that another process started. */
  readonly ended: Promise<string>;
  /** What people must be told when it was started and when it is stopped, where others than the launcher do that. */
  readonly remarks?: { readonly started: string; readonly stopped: string };
  /** How it is. @throws Error in the system's words if it cannot be asked */
  state(): Promise<PartState>;
  /** Its last words in the log; empty if there are none. */
  lastLines(count: number): Promise<readonly string[]>;
  /** Sends it a signal. @throws Error if it cannot be sent here, or the system refuses */
  signal(name: SignalName): Promise<void>;
  /** Ends it; after `patienceMs` by force. Ending twice is harmless. */
  stop(patienceMs: number): Promise<void>;
}

/** Starts parts of clusters. */
export interface Launcher {
  /** As in `--launcher`. */
  readonly name: string;
  /** @throws ClusterError that says what failed in the system's own words, and what to do; then nothing is left running */
  start(job: Job): Promise<Part>;
  /** The part that was saved by another process. */
  adopt(saved: SavedPart): Part;
}

/** A cluster that cannot start or is not there; the message says what to do. */
export class ClusterError extends Error {
  /** Its class. */
  override readonly name = "ClusterError";
}

/** What files and jobs of a part are called: `ipcontroller`, `ipengine-2`, with the cluster id behind it. */
export function jobName({ kind, set, place }: Pick<Job, "kind" | "set" | "place">): string {
  const name = kind === "controller" ? "ipcontroller" : `ipengine-${set}`;
  return place.clusterId === "" ? name : `${name}-${place.clusterId}`;
}

/** Path of a part's log in the run's folder. */
export function logPath(job: Pick<Job, "kind" | "set" | "place">): string {
  return `${job.place.profileDir}/log/${jobName(job)}.log`;
}
