/**
 * PBS: `qsub`, `qstat`, `qdel`, `qsig`, in its two branches: OpenPBS (PBS Pro; observed with 23.06) and Torque, which writes arrays and resources otherwise.
 */
import { type BatchSystem, type Directive, LOGGING_TEMPLATE } from "./batch_system.ts";
import { ClusterError, type PartState } from "./launcher.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

const has = (flag: string) => new RegExp(`^#PBS.*\\s-${flag}\\b`, "m");
const resource = (name: string, line: string): Directive => ({
  line,
  has: new RegExp(`^#PBS.*\\b${name}[=:]`, "m"),
});

const COMMON = {
  name: "pbs",
  extension: "pbs",
  template: LOGGING_TEMPLATE,
  submit: (path: string) => ({ words: ["qsub", path] }),
  jobId: (printed: string) => /^(\d+(?:\[\])?(?:\.[\w.-]+)?)\s*$/m.exec(printed)?.[1],
  cancel: (id: string, byForce: boolean) => ({ words: ["qdel", ...(byForce ? ["-W", "force"] : []), id] }),
  isGone: ({ err }: Answer) => GONE.test(err),
  signal: (id: string, name: string) => ({ words: ["qsig", "-s", name.replace(/^SIG/, ""), id] }),
} as const;

const GONE = /Unknown Job|has finished|invalid state/i;

const DIRECTIVES = {
  jobName: { line: "#PBS -N {jobName}", has: has("N") },
  log: { line: "#PBS -V -j oe -o {log}.job", has: has("o") },
  queue: { line: "#PBS -q {queue}", has: has("q") },
  account: { line: "#PBS -A {account}", has: has("A") },
  walltime: resource("walltime", "#PBS -l walltime={walltime}"),
};

/** OpenPBS and PBS Professional. */
export const PBS: BatchSystem = {
  ...COMMON,
  hasArrays: true,
  directives: {
    ...DIRECTIVES,
    // Beside a selection of chunks nothing else may ask for memory.
    cpus: resource("select", "#PBS -l select=1:ncpus={cpus}{memoryOfChunk}"),
    array: { line: "#PBS -J 1-{members}", has: has("J") },
  },
  // With -x also jobs that have ended; where the server keeps no history that is an error, and the first question stands alone.
  ask: (id) => ({ words: ["sh", "-c", 'qstat -x -t -f "$0" || qstat -t -f "$0"', id] }),
  states,
};

/** Torque. Each job is one of its own: what its arrays are called differs by version. */
export const TORQUE: BatchSystem = {
  ...COMMON,
  name: "torque",
  hasArrays: false,
  directives: {
    ...DIRECTIVES,
    cpus: resource("nodes", "#PBS -l nodes=1:ppn={cpus}"),
    memory: resource("mem", "#PBS -l mem={memory}"),
  },
  ask: (id) => ({ words: ["qstat", "-f", id] }),
  cancel: (id, byForce) => ({ words: ["qdel", ...(byForce ? ["-p"] : []), id] }),
  states,
};

function states(id: string, answer: Answer): readonly PartState[] {
  if (answer.code !== 0) {
    if (GONE.test(answer.err)) return [];
    throw new ClusterError(`Cannot ask PBS: ${wordsOfAnswer(answer)}`);
  }
  const jobs = answer.out.split(/^Job Id:\s*/m).slice(1).map(stateOf);
  // The first of an array is the array itself.
  return id.includes("[]") && jobs.length > 1 ? jobs.slice(1) : jobs;
}

/** States as in `qstat(1)`: B array begun, C, F, X ended, E ending, H held, Q queued, R running, S suspended, T in transit, W waits for its time. */
function stateOf(text: string): PartState {
  // Long values go on after a line break and a tab.
  const joined = text.replace(/\n\t/g, "");
  const field = (name: string) => new RegExp(`^\\s*${name} = (.*)$`, "mi").exec(joined)?.[1]?.trim() ?? "";
  const state = field("job_state"), comment = field("comment"), code = field("exit_status");
  const why = comment === "" ? "" : ` (${comment})`;
  if (/^[CFX]$/.test(state)) {
    return { is: "ended", words: code === "" || code === "0" ? "" : `exit code ${code}${why}` };
  }
  return { is: /^[HQTW]$/.test(state) ? "waiting" : "running", words: `${state}${why}` };
}
