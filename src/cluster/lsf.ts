/**
 * LSF: `bsub`, `bjobs`, `bkill`, as IBM's manuals of 10.1 have them.
 */
import { type BatchSystem, LOGGING_TEMPLATE } from "./batch_system.ts";
import { ClusterError, type PartState } from "./launcher.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

const has = (flag: string) => new RegExp(`^#BSUB.*\\s-${flag}\\b`, "m");

/** LSF's commands. */
export const LSF: BatchSystem = {
  name: "lsf",
  extension: "bsub",
  hasArrays: true,
  template: LOGGING_TEMPLATE,
  directives: {
    // Of an array of one nobody knows the difference, so the name is the place for both.
    jobName: { line: '#BSUB -J "{jobName}[1-{members}]"', has: has("J") },
    log: { line: "#BSUB -o {log}.job", has: has("oo?") },
    queue: { line: "#BSUB -q {queue}", has: has("q") },
    account: { line: "#BSUB -P {account}", has: has("P") },
    walltime: { line: "#BSUB -W {walltimeMinutes}", has: has("W") },
    memory: { line: "#BSUB -M {memory}", has: has("M") },
    cpus: { line: '#BSUB -n {cpus} -R "span[hosts=1]"', has: has("n") },
  },
  submit: (_, text) => ({ words: ["bsub"], input: text }),
  jobId: (printed) => /Job <(\d+)> is submitted/.exec(printed)?.[1],
  ask: (id) => ({
    words: ["bjobs", "-a", "-noheader", "-o", "stat exit_code pend_reason delimiter='|'", id],
  }),
  states,
  cancel: (id, byForce) => ({ words: ["bkill", ...(byForce ? ["-s", "KILL"] : []), id] }),
  isGone: ({ out, err }) => /No matching job found|has already finished|is not found/i.test(out + err),
  signal: (id, name) => ({ words: ["bkill", "-s", name.replace(/^SIG/, ""), id] }),
};

function states(_: string, answer: Answer): readonly PartState[] {
  const said = answer.out + answer.err;
  if (/is not found|No matching job|No unfinished job/i.test(said)) return [];
  if (answer.code !== 0) throw new ClusterError(`Cannot ask LSF: ${wordsOfAnswer(answer)}`);
  return answer.out.split("\n").filter((line) => line.includes("|")).map(stateOf);
}

/** States as in `bjobs(1)`. */
function stateOf(line: string): PartState {
  const [state = "", code = "-", reason = "-"] = line.split("|").map((word) => word.trim());
  const why = /^-?$/.test(reason) ? "" : ` (${reason})`;
  if (/^(PEND|PSUSP|WAIT)$/.test(state)) return { is: "waiting", words: `${state}${why}` };
  if (!/^(DONE|EXIT|ZOMBI)$/.test(state)) return { is: "running", words: state };
  return {
    is: "ended",
    words: state === "DONE" ? "" : `${state}${/^[-0]?$/.test(code) ? "" : `, exit code ${code}`}`,
  };
}
