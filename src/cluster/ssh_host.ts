/**
 * A host that ssh reaches: scripts run there by `sh`, files are brought and fetched. The system's own ssh is used, with the user's config, agent and jump hosts; it may
 * not ask for anything, since nobody may be there to answer.
 */
import { explainSsh, wordsOf } from "../base/ssh.ts";
import { ClusterError, type SignalName } from "./launcher.ts";
import { type Answer, type Call, runCommand, wordsOfAnswer } from "./run_command.ts";
import { shellLine, shellWord } from "./template.ts";

/** Below the user's home on a host: a folder for each cluster that has processes there. */
export const RUN_FOLDERS = ".tsparallel/run";
/** In it, beside the folders of its processes: the profile of all of them, where a host has no other. */
export const SHARED_FOLDER = "profile";

/** What ssh ends with when it is ssh that failed. */
const SSH_FAILED = 255;

/** A process on a host, by what was written down there: its folder holds `pid`, `log`, and at its end `code`. */
export interface RemoteProcess {
  readonly host: string;
  readonly folder: string;
  readonly pid: number;
  /** When it began: ticks since the host's start, or where it has no such file the words of its `ps`. */
  readonly born: string;
}

/** How a remote process is. */
export type RemoteState = { readonly is: "running" } | { readonly is: "ended"; readonly code: number | null };

/** What to start on a host. */
export interface RemoteStart {
  /** Folder of its files, below the user's home unless it is absolute; made anew. */
  readonly folder: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export class SshHost {
  readonly name: string;
  readonly #ssh: readonly string[];
  readonly #scp: readonly string[];

  /** @param commands the commands with the user's flags */
  constructor(name: string, commands: { readonly ssh: string; readonly scp: string }) {
    this.name = name;
    this.#ssh = wordsOf(commands.ssh);
    this.#scp = wordsOf(commands.scp);
  }

  /** Runs a script by the host's `sh`. It is read from standard input: what is secret in it no list of processes shows. */
  call(script: string): Call {
    return { words: [...this.#ssh, ...OPTIONS, this.name, "exec sh -s"], input: script };
  }

  /** @throws ClusterError in ssh's or the script's own words */
  async run(script: string, purpose: string): Promise<string> {
    const answer = await runCommand(this.call(script));
    if (answer.code === 0) return answer.out;
    throw new ClusterError(`Cannot ${purpose} on host "${this.name}": ${explained(answer)}`);
  }

  /** Starts a program that lives on when ssh is gone. */
  async start({ folder, words, environment }: RemoteStart): Promise<RemoteProcess> {
    const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${shellWord(value)}`);
    const script = [
      BORN,
      "set -eu; umask 077",
      `mkdir -p ${shellWord(folder)}; cd ${shellWord(folder)}; rm -f pid code log; : > log`,
      // A full disk is told of before anything runs that nobody could find again; the shell's own echo would not say why.
      "env echo starting > pid.new",
      ...exports,
      "command -v setsid > /dev/null && S=setsid || S=nohup",
      `$S sh -c '"$@" >> log 2>&1 < /dev/null & echo $! > pid.new && mv pid.new pid || kill $!; wait $!; echo $? > code' sh ${
        shellLine(words)
      } > /dev/null 2>&1 < /dev/null &`,
      'L=$!; while [ ! -s pid ]; do kill -0 $L 2> /dev/null || [ -s pid ] || { echo "cannot write $PWD/pid" >&2; exit 1; }; sleep 0.05; done',
      'P=$(cat pid); echo "$P"; born "$P"; pwd',
    ].join("\n");
    const [pid = "", born = "", where = ""] = (await this.run(script, "start a process")).split("\n").slice(
      -4,
    );
    return { host: this.name, folder: where, pid: Number(pid), born };
  }

  /** @throws ClusterError if the host cannot be asked */
  async state(process: RemoteProcess): Promise<RemoteState> {
    const said = await this.run(
      `${alive(process)}\nalive && echo running || { echo ended; cat ${
        shellWord(`${process.folder}/code`)
      } 2> /dev/null || true; }`,
      "ask for a process",
    );
    const [state, code] = said.trim().split("\n");
    return state === "running"
      ? { is: "running" }
      : { is: "ended", code: code === undefined ? null : Number(code) };
  }

  /** Shows the process's output from the byte behind `have` on, until it ends. */
  follow(process: RemoteProcess, have: number): Call {
    const log = shellWord(`${process.folder}/log`);
    const script = `tail -c +${have + 1} -f ${log} & T=$!\n${wait(process)}\nsleep 0.2; kill $T`;
    return { ...this.call(script), timeoutMs: NEVER_MS };
  }

  /** Says nothing, until the process ends. */
  awaitEnd(process: RemoteProcess): Call {
    return { ...this.call(wait(process)), timeoutMs: NEVER_MS };
  }

  async signal(process: RemoteProcess, name: SignalName): Promise<void> {
    await this.run(
      `${alive(process)}\nalive && kill -s ${name.replace(/^SIG/, "")} ${process.pid} || true`,
      "send a signal",
    );
  }

  /** Ends a process; after `patienceMs` by force, and all that it started with it. Its files go too. */
  async stop(process: RemoteProcess, patienceMs: number): Promise<void> {
    const script = [
      alive(process),
      `alive && kill -s TERM ${process.pid}`,
      `N=${Math.ceil(patienceMs / 100)}; while alive && [ $N -gt 0 ]; do sleep 0.1; N=$((N - 1)); done`,
      `alive && kill -s KILL ${process.pid}`,
      "N=50; while alive && [ $N -gt 0 ]; do sleep 0.1; N=$((N - 1)); done",
      `rm -rf ${shellWord(process.folder)}`,
      tidy(process.folder),
    ].join("\n");
    await this.run(script, "end a process");
  }

  /** Copies a file to the host, unless it is there. @param path below the user's home, or absolute */
  async bring(local: string, path: string): Promise<void> {
    const there = await this.run(
      `test -x ${shellWord(path)} && echo yes || { mkdir -p "$(dirname ${shellWord(path)})"; echo no; }`,
      "look for a file",
    );
    if (there.trim() === "yes") return;
    // Hosts may share a home, and get the same file at the same moment.
    const temporary = `${path}.${Deno.pid}.${this.name.replace(/[^\w.-]/g, "_")}.part`;
    const answer = await runCommand({
      words: [...this.#scp, ...OPTIONS, "-q", local, `${this.name}:${temporary}`],
      timeoutMs: COPY_TIMEOUT_MS,
    });
    if (answer.code !== 0) {
      await runCommand(this.call(`rm -f ${shellWord(temporary)}`)).catch(() => null);
      throw new ClusterError(`Cannot copy "${local}" to host "${this.name}": ${explained(answer)}`);
    }
    await this.run(
      `chmod 700 ${shellWord(temporary)} && mv ${shellWord(temporary)} ${shellWord(path)}`,
      "place a file",
    );
  }

  /** Writes files whole, for their owner alone; what has no text is removed. @param texts by path, below the user's home or absolute */
  async write(texts: ReadonlyMap<string, string | undefined>): Promise<void> {
    const lines = [...texts].map(([path, text]) => {
      const to = shellWord(path);
      if (text === undefined) return `rm -f ${to}`;
      return `mkdir -p "$(dirname ${to})" && printf %s ${shellWord(text)} > ${to}.$$ && mv ${to}.$$ ${to}`;
    });
    if (lines.length > 0) await this.run(["set -eu; umask 077", ...lines].join("\n"), "write a file");
  }

  /** The text of a file there; undefined if there is none. */
  async fetch(path: string): Promise<string | undefined> {
    const said = await this.run(
      `test -f ${shellWord(path)} && { echo yes; cat ${shellWord(path)}; } || echo no`,
      "fetch a file",
    );
    return said.startsWith("yes\n") ? said.slice(4) : undefined;
  }
}

/** No questions, no waiting for hosts that are off, and an end of connections whose other side is gone. */
const OPTIONS = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"];

const COPY_TIMEOUT_MS = 600_000;

/** As long as a timer takes. */
const NEVER_MS = 2 ** 31 - 1;

/** Removes what the parts of a cluster shared on a host, once the last of them is gone. */
function tidy(folder: string): string {
  return [
    `D=$(dirname ${shellWord(folder)})`,
    `case "$D" in */${RUN_FOLDERS}/*) [ -n "$(ls "$D" 2> /dev/null | grep -vx ${SHARED_FOLDER})" ] || rm -rf "$D";; esac`,
  ].join("\n");
}

/** Says when a process began, in one line that is empty if there is none. `ps` alone would not do: its words change by a second now and then. */
const BORN =
  `born() { if [ -d /proc/self ]; then sed 's/.*) //' /proc/$1/stat 2> /dev/null | cut -d' ' -f20; else ps -o lstart= -p $1; fi | { read -r B || true; echo "$B"; }; }`;

/** Defines `alive`, which succeeds while this very process lives: a number comes round again, its birth does not. */
function alive({ pid, born }: RemoteProcess): string {
  const birth = born === "" ? "" : ` && [ "$(born ${pid})" = ${shellWord(born)} ]`;
  return `${BORN}\nalive() { kill -0 ${pid} 2> /dev/null && case "$(ps -o stat= -p ${pid})" in Z*|"") false;; esac${birth}; }`;
}

function wait(process: RemoteProcess): string {
  return `${alive(process)}\nwhile alive; do sleep 0.3; done`;
}

/** What ssh or the host said. */
function explained(answer: Answer): string {
  const words = wordsOfAnswer(answer);
  return answer.code === SSH_FAILED ? explainSsh(words) : words;
}
