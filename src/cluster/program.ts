/**
 * The programs that launchers start: our controller and engine hosts, or whatever the user names in their place, like `ipengine`.
 */
import { wordsOf } from "../base/ssh.ts";
import type { ClusterPlace } from "./launcher.ts";
import { programCommand } from "./process.ts";

/** A program, and how one process of it is told what to do. */
export interface Program {
  /** Engines that one process can house; 1 for `ipengine`. */
  readonly perProcess: number;
  /** The words of one process with so many engines; 0 for a controller. */
  words(engines: number): readonly string[];
  /** Our own executable or script, which a launcher can copy to where it is not; null for a program of the user's. */
  readonly own: OwnProgram | null;
}

/** How our own program is started, word by word, so that one can stand in for another host's. */
export interface OwnProgram {
  /** The executable (compiled: it is all there is). */
  readonly command: string;
  /** Deno's words before ours; empty in a compiled program. */
  readonly runtime: readonly string[];
  /** Our words, for so many engines. @param place where its files are, if that is not where the others' are */
  words(engines: number, place?: ClusterPlace): readonly string[];
}

/** What a cluster's parts are told. */
export interface ProgramChoice {
  readonly place: ClusterPlace;
  /** The user's flags. */
  readonly args: readonly string[];
  /** A command line in place of ours, like `ipengine` or `python -m ipyparallel.engine`; null for ours. */
  readonly command: string | null;
}

/** The controller's program. */
export function controllerProgram({ place, args, command }: ProgramChoice): Program {
  return programOf({
    command,
    perProcess: 1,
    words: (_, at = place) => ["controller", ...placeWords(at), ...args],
    args,
    place,
  });
}

/** The engines' program. */
export function engineProgram({ place, args, command }: ProgramChoice): Program {
  const words = (n: number, at = place) => ["engine", "--engines", String(n), ...placeWords(at), ...args];
  return programOf({ command, perProcess: command === null ? Infinity : 1, words, args, place });
}

interface Parts {
  readonly command: string | null;
  readonly perProcess: number;
  readonly words: (engines: number, place?: ClusterPlace) => readonly string[];
  readonly args: readonly string[];
  readonly place: ClusterPlace;
}

function programOf({ command, perProcess, words, args, place }: Parts): Program {
  if (command !== null) {
    const given = [...wordsOf(command), ...peerPlaceWords(place), ...args];
    return { perProcess, words: () => given, own: null };
  }
  const { command: executable, args: runtime } = programCommand();
  return {
    perProcess,
    words: (engines) => [executable, ...runtime, ...words(engines)],
    own: { command: executable, runtime, words },
  };
}

function placeWords(place: ClusterPlace): string[] {
  return ["--profile", place.profile, "--profile-dir", place.profileDir, "--cluster-id", place.clusterId];
}

/** As ipengine and ipcontroller take it. */
function peerPlaceWords({ profileDir, clusterId }: ClusterPlace): string[] {
  return [`--profile-dir=${profileDir}`, `--cluster-id=${clusterId}`];
}
