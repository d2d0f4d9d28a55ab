/** Python's own engines and clients for a test, on a cluster of ours: started, waited for, and gone at its end. */
import assert from "node:assert/strict";
import type { RunFolder } from "../cli/run_folder.ts";
import { PATIENCE_MS } from "./run.ts";

/** A Python with ipyparallel 9.2, undefined where there is none. */
export const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");

/** What stands in the name of a test that needs it. */
export const NEEDS_PYTHON = "(needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)";

/** A test that is ignored without Python. */
export function pythonTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} ${NEEDS_PYTHON}`, ignore: PYTHON === undefined, fn });
}

const decoder = new TextDecoder();

/** Python processes on one cluster. */
export class PythonPeers implements AsyncDisposable {
  readonly #security: string;
  readonly #engines: Deno.ChildProcess[] = [];
  readonly #ends: Promise<unknown>[] = [];

  constructor(folder: RunFolder) {
    this.#security = `${folder.dir}/security`;
  }

  /** Starts so many engines. Whoever needs them waits for them. */
  startEngines(n: number): void {
    for (let i = 0; i < n; i++) {
      const engine = start(["-m", "ipyparallel.engine", `--file=${this.#security}/ipcontroller-engine.json`]);
      this.#engines.push(engine);
      this.#ends.push(engine.output());
    }
  }

  /** Runs a program of a client, which finds the connection file in `sys.argv[1]`; gives what it printed. It must end well. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const client = start(["-c", program, `${this.#security}/ipcontroller-client.json`, ...args]);
    const timer = setTimeout(() => client.kill("SIGKILL"), PATIENCE_MS * 4);
    const { success, stdout, stderr } = await client.output();
    clearTimeout(timer);
    assert.ok(success, `${decoder.decode(stderr)}\n${decoder.decode(stdout)}`);
    return decoder.decode(stdout).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.#engines) {
      try {
        engine.kill("SIGTERM");
      } catch {
        // It ended by itself.
      }
    }
    await Promise.all(this.#ends);
  }
}

function start(args: readonly string[]): Deno.ChildProcess {
  const environment = { IPYTHONDIR: Deno.env.get("TMPDIR") ?? "/tmp", PYTHONUNBUFFERED: "1" };
  return new Deno.Command(PYTHON!, {
    args: [...args],
    env: environment,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
