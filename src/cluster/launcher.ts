/**
 * What a launcher is: it starts a controller and sets of engines somewhere, finds them again from what was saved, and ends them.
 * The local one is in `local.ts`; others start the same program by other means.
 */
import type { ProcessId } from "./process.ts";

/** Where a cluster lives, as every part of it is told. */
export interface ClusterPlace {
  /** Name of the profile. */
  readonly profile: string;
  /** The profile's folder, absolute. */
  readonly profileDir: string;
  /** Tells several clusters of a profile apart; may be empty. */
  readonly clusterId: string;
}

/** A controller or a set of engines, as the cluster file keeps it. */
export interface SavedPart extends ProcessId {
  /** Which of the two. */
  readonly kind: "controller" | "engines";
  /** How many engines; 0 for a controller. */
  readonly n: number;
  /** Path of its log. */
  readonly log: string;
}

/** A controller or a set of engines that was started. */
export interface Part {
  /** What is written down about it. */
  readonly saved: SavedPart;
  /** Settles with a phrase about its end: `it ended with code 1`. Pending for ever for a part that another process started. */
  readonly ended: Promise<string>;
  /** Whether its process runs. */
  isAlive(): boolean;
  /** Its last words in the log. */
  lastLines(count: number): readonly string[];
  /** Ends it; after `patienceMs` by force. Ending twice is harmless. */
  stop(patienceMs: number): Promise<void>;
}

/** Starts parts of clusters. */
export interface Launcher {
  /** As in `--launcher`. */
  readonly name: string;
  /** @throws Error if the program cannot be started */
  startController(place: ClusterPlace, args: readonly string[]): Promise<Part>;
  /**
   * Starts `n` engines as one set.
   * @throws Error if the program cannot be started
   */
  startEngines(
    place: ClusterPlace,
    set: { readonly n: number; readonly number: number; readonly args: readonly string[] },
  ): Promise<Part>;
  /** The part that was saved by another process. */
  adopt(saved: SavedPart): Part;
}
