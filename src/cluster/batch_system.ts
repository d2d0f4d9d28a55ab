/**
 * What `batch.ts` has to know of a batch system: which lines stand at the head of a script, and which commands submit, ask, signal and cancel. One file each.
 */
import type { Batch } from "./batch_script.ts";
import type { Job, PartState, SignalName } from "./launcher.ts";
import type { Answer, Call } from "./run_command.ts";

/** A line at the head of scripts, where the value that it is about is there. */
export interface Directive {
  /** With an expression, as in templates. */
  readonly line: string;
  /** How it is seen that a template of the user's has such a line itself. */
  readonly has: RegExp;
}

/** What a line of the head may be about. */
export type DirectiveName =
  | "jobName"
  | "log"
  | "queue"
  | "account"
  | "walltime"
  | "memory"
  | "cpus"
  | "array";

/** For systems that write a job's output only when it has ended: ours is wanted while it runs. */
export const LOGGING_TEMPLATE = `#!/bin/sh
{environment}exec {program} >> {quote(log)} 2>&1
`;

/** A batch system's commands. */
export interface BatchSystem {
  /** As in `--launcher`. */
  readonly name: string;
  /** What a script's file is called behind its dot. */
  readonly extension: string;
  readonly directives: Readonly<Partial<Record<DirectiveName, Directive>>>;
  /** The text around the program, with `{environment}` and `{program}`; default: a shell script that becomes the program. */
  readonly template?: string;
  /** Makes the whole text, where lines around a program are not enough. Then templates cannot be. */
  readonly script?: (job: Job, batch: Batch) => string;
  /** Files that output goes to, if not to the log that the script names. */
  readonly logs?: (log: string) => readonly string[];
  /** Engines in each job or member, where the settings say nothing; default: all. */
  readonly enginesPerJob?: number;
  /** One job of several members can be submitted at once. Otherwise each is a job of its own. */
  readonly hasArrays: boolean;
  /** Submits a script, given its path and its text. */
  submit(path: string, text: string): Call;
  /** The id of the job in what submitting printed; undefined if there is none. */
  jobId(printed: string): string | undefined;
  /** Asks for one job and its members. */
  ask(id: string): Call;
  /**
   * How the members are; empty where the system knows the job no more, which is its end.
   * @throws Error if the answer says nothing about the job: the system is down
   */
  states(id: string, answer: Answer): readonly PartState[];
  /** Ends a job; by force where that is another command. */
  cancel(id: string, byForce: boolean): Call;
  /** Whether an answer to `cancel` that is an error says no more than that the job is gone. */
  isGone(answer: Answer): boolean;
  /** Sends a signal to the programs of a job; undefined where the system cannot. */
  readonly signal?: (id: string, name: SignalName) => Call;
}
