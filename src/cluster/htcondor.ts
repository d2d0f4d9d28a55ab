/**
 * HTCondor: `condor_submit`, `condor_q`, `condor_rm`. Its scripts are descriptions of jobs; ours run a shell, so that all copies write to one log as they go. As of 24.0.
 */
import type { BatchSystem } from "./batch_system.ts";
import { ClusterError, type PartState } from "./launcher.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

const TEMPLATE = `universe = vanilla
executable = /bin/sh
arguments = "-c {condor(environment + "exec " + program + " >> " + quote(log) + " 2>&1")}"
getenv = True
transfer_executable = False
should_transfer_files = NO
output = {log}.job.$(Process)
error = {log}.job.$(Process)
queue {members}
`;

const has = (name: string) => new RegExp(`^\\s*${name}\\s*=`, "mi");

/** HTCondor's commands. */
export const HTCONDOR: BatchSystem = {
  name: "htcondor",
  extension: "sub",
  hasArrays: true,
  template: TEMPLATE,
  directives: {
    jobName: { line: "batch_name = {jobName}", has: has("(batch_name|\\+?JobBatchName)") },
    log: { line: "log = {log}.events", has: has("log") },
    queue: { line: '+Queue = "{queue}"', has: has("\\+Queue") },
    account: { line: "accounting_group = {account}", has: has("accounting_group") },
    walltime: { line: "allowed_execute_duration = {walltimeSeconds}", has: has("allowed_execute_duration") },
    memory: { line: "request_memory = {memory}", has: has("request_memory") },
    cpus: { line: "request_cpus = {cpus}", has: has("request_cpus") },
  },
  submit: (path) => ({ words: ["condor_submit", path] }),
  jobId: (printed) => /submitted to cluster (\d+)/.exec(printed)?.[1],
  ask: (id) => ({ words: ["condor_q", "-nobatch", id] }),
  states,
  cancel: (id, byForce) => ({ words: ["condor_rm", ...(byForce ? ["-forcex"] : []), id] }),
  isGone: ({ err }) => /Couldn't find/i.test(err),
};

function states(id: string, answer: Answer): readonly PartState[] {
  if (answer.code !== 0) throw new ClusterError(`Cannot ask HTCondor: ${wordsOfAnswer(answer)}`);
  const lines = answer.out.split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith(`${id}.`)).map(stateOf);
}

/** A line of `condor_q -nobatch`: `12.0 owner 11/25 18:00 0+00:00:12 R 0 0.1 sh …`; its letters as in `condor_q(1)`. */
function stateOf(line: string): PartState {
  const state = /\s\d+\+[\d:]+\s+([A-Z<>])\s/.exec(line)?.[1] ?? "R";
  switch (state) {
    case "I":
      return { is: "waiting", words: "idle" };
    case "H":
      return { is: "waiting", words: "held; `condor_q -hold` says why" };
    case "C":
    case "X":
      return { is: "ended", words: state === "X" ? "removed" : "" };
    default:
      return { is: "running", words: "" };
  }
}
