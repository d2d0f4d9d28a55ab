/**
 * Slurm: `sbatch`, `scontrol show job`, `scancel`. As of 22.05; the fields of `scontrol` have been the same since 14.
 */
import type { BatchSystem } from "./batch_system.ts";
import type { PartState } from "./launcher.ts";
import { ClusterError } from "./launcher.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

/** States in which a job has not begun, or is over; in all others it runs. See `squeue(1)`, "JOB STATE CODES". */
const WAITING = [
  "PENDING",
  "CONFIGURING",
  "REQUEUED",
  "REQUEUE_HOLD",
  "REQUEUE_FED",
  "RESV_DEL_HOLD",
  "SPECIAL_EXIT",
];
const ENDED = [
  "BOOT_FAIL",
  "CANCELLED",
  "COMPLETED",
  "DEADLINE",
  "FAILED",
  "NODE_FAIL",
  "OUT_OF_MEMORY",
  "PREEMPTED",
  "REVOKED",
  "TIMEOUT",
];

/** Slurm's commands. */
export const SLURM: BatchSystem = {
  name: "slurm",
  extension: "sbatch",
  hasArrays: true,
  directives: {
    jobName: { line: "#SBATCH --job-name={jobName}", has: /^#SBATCH\s+(-J|--job-name)/m },
    log: { line: '#SBATCH --output="{log}" --open-mode=append', has: /^#SBATCH\s+(-o|--output)/m },
    queue: { line: "#SBATCH --partition={queue}", has: /^#SBATCH\s+(-p|--partition)/m },
    account: { line: "#SBATCH --account={account}", has: /^#SBATCH\s+(-A|--account)/m },
    walltime: { line: "#SBATCH --time={walltime}", has: /^#SBATCH\s+(-t|--time)\b/m },
    memory: { line: "#SBATCH --mem={memory}", has: /^#SBATCH\s+--mem/m },
    cpus: {
      line: "#SBATCH --ntasks=1 --cpus-per-task={cpus}",
      has: /^#SBATCH\s+(-n|-c|-N|--ntasks|--cpus-per-task|--nodes)/m,
    },
    array: { line: "#SBATCH --array=1-{members}", has: /^#SBATCH\s+(-a|--array)/m },
  },
  submit: (path) => ({ words: ["sbatch", "--parsable", path] }),
  jobId: (printed) => /^(\d+)(;.*)?$/m.exec(printed)?.[1],
  ask: (id) => ({ words: ["scontrol", "--oneliner", "show", "job", id] }),
  states,
  cancel: (id, byForce) => ({ words: ["scancel", ...(byForce ? ["--signal=KILL", "--full"] : []), id] }),
  isGone: ({ err }) => /Invalid job id/i.test(err),
  // Without --full the signal would reach steps only, and a script has none.
  signal: (id, name) => ({ words: ["scancel", `--signal=${name.replace(/^SIG/, "")}`, "--full", id] }),
};

function states(_: string, answer: Answer): readonly PartState[] {
  if (answer.code !== 0) {
    if (/Invalid job id/i.test(answer.err)) return [];
    throw new ClusterError(`Cannot ask Slurm: ${wordsOfAnswer(answer)}`);
  }
  return answer.out.split("\n").filter((line) => line.includes("JobState=")).map(stateOf);
}

function stateOf(line: string): PartState {
  const field = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1] ?? "";
  const state = field("JobState"), reason = field("Reason"), code = field("ExitCode");
  const why = reason === "None" || reason === "" ? "" : ` (${reason})`;
  if (WAITING.includes(state)) return { is: "waiting", words: `${state}${why}` };
  if (!ENDED.includes(state)) return { is: "running", words: state };
  return {
    is: "ended",
    words: `${state}${why}${code === "0:0" || code === "" ? "" : `, exit code ${code}`}`,
  };
}
