/**
 * Grid Engine (SGE, Son of Grid Engine, Univa, Altair): `qsub`, `qstat`, `qdel`. Observed with 8.1.9. It has no command that sends signals.
 */
import type { BatchSystem } from "./batch_system.ts";
import { ClusterError, type PartState } from "./launcher.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

/** The queue, and what accounting knows of one job once it has left the queue. */
const ASK = `qstat -xml || exit; qacct -j "$0" 2>/dev/null || true`;

/** Grid Engine's commands. */
export const SGE: BatchSystem = {
  name: "sge",
  extension: "sge",
  hasArrays: true,
  directives: {
    jobName: { line: "#$ -N {jobName}", has: /^#\$\s+-N\b/m },
    // Without -S the queue's shell reads the script, whatever its first line says.
    log: { line: "#$ -S /bin/sh -V -j y -o {log}", has: /^#\$.*\s-o\s/m },
    queue: { line: "#$ -q {queue}", has: /^#\$.*\s-q\s/m },
    account: { line: "#$ -P {account}", has: /^#\$.*\s-P\s/m },
    walltime: { line: "#$ -l h_rt={walltime}", has: /^#\$.*\sh_rt=/m },
    // Not h_vmem: V8 reserves far more addresses than it uses.
    memory: { line: "#$ -l mem_free={memory}", has: /^#\$.*\s(h_vmem|mem_free)=/m },
    array: { line: "#$ -t 1-{members}", has: /^#\$.*\s-t\s/m },
  },
  submit: (path) => ({ words: ["qsub", "-terse", path] }),
  jobId: (printed) => /^(\d+)(\.\d+-\d+:\d+)?\s*$/m.exec(printed)?.[1],
  ask: (id) => ({ words: ["sh", "-c", ASK, id] }),
  states,
  cancel: (id, byForce) => ({ words: ["qdel", ...(byForce ? ["-f"] : []), id] }),
  isGone: ({ out, err }) => /does not exist/.test(out + err),
};

function states(id: string, answer: Answer): readonly PartState[] {
  if (answer.code !== 0) throw new ClusterError(`Cannot ask Grid Engine: ${wordsOfAnswer(answer)}`);
  const [queue = "", accounts = ""] = answer.out.split(/^<\/job_info>\s*$/m);
  const own = [...queue.matchAll(/<job_list[^>]*>([^]*?)<\/job_list>/g)]
    .map(([_, entry = ""]) => entry)
    .filter((entry) => field(entry, "JB_job_number") === id);
  return own.length > 0
    ? own.map(stateOf)
    : [...accounts.matchAll(/^failed\s+(.+)\nexit_status\s+(\d+)/gm)].map(endOf);
}

/** Letters as in `qstat(1)`: `E` for an error that keeps a job from ever starting, `q` and `h` for waiting. */
function stateOf(entry: string): PartState {
  const state = field(entry, "state");
  if (state.includes("E")) {
    return { is: "waiting", words: `${state}: an error keeps it from starting; \`qstat -j\` says which` };
  }
  return { is: /[qh]/.test(state) ? "waiting" : "running", words: state };
}

function endOf([_, failed = "", code = ""]: RegExpMatchArray): PartState {
  const why = /^0\s*$/.test(failed) ? "" : `failed ${failed.trim()}, `;
  return { is: "ended", words: why === "" && code === "0" ? "" : `${why}exit code ${code}` };
}

function field(entry: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(entry)?.[1] ?? "";
}
