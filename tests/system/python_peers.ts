/** Python's own programs for a test: engines, a controller, scripts. Ended at the end, by their pids. */
import assert from "node:assert/strict";
import { connectionPaths } from "../../src/protocol/connection_file.ts";
import { Client } from "../../src/client/client.ts";
import type { RunFolder } from "../cli/run_folder.ts";
import { eventually, PATIENCE_MS } from "./run.ts";

/** A Python with ipyparallel 9.2; undefined where there is none. */
export const PYTHON: string | undefined = Deno.env.get("TSPARALLEL_PYTHON");

/** Ends the names of tests that need it. */
export const NEEDS_PYTHON = "(needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)";

/** A test that is ignored without Python; what it puts on the stack ends with it. */
export function pythonTest(name: string, fn: (stack: AsyncDisposableStack) => Promise<void>): void {
  Deno.test({
    name: `${name} ${NEEDS_PYTHON}`,
    ignore: PYTHON === undefined,
    async fn() {
      await using stack = new AsyncDisposableStack();
      await fn(stack);
    },
  });
}

/**
 * For programs of a client `rc` that imports time: `eventually(ask, what)` waits for an answer that holds, and gives it; `idle()` tells whether no task waits
 * or runs.
 */
export const PYTHON_WAITS = `
def eventually(ask, what):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError("in vain: " + what + " " + repr(rc.queue_status()))

def idle():
    status = rc.queue_status()
    return status["unassigned"] == 0 and all(
        status[i]["queue"] == 0 and status[i]["tasks"] == 0 for i in status if i != "unassigned")
`;

/** Where Python's programs put what they write beside our files. */
const ENVIRONMENT = { IPYTHONDIR: Deno.env.get("TMPDIR") ?? "/tmp", PYTHONUNBUFFERED: "1" };

/** How long a program may take to end when it is told to. */
const GRACE_MS = 5000;

/** A running Python program. */
export class PythonProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    if (PYTHON === undefined) throw new Error("Cannot start Python: TSPARALLEL_PYTHON is not set");
    this.#child = new Deno.Command(PYTHON, {
      args: [...args],
      env: { ...ENVIRONMENT, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = this.#child.output();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Exit code and what was printed. */
  async ended(): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const { code, stdout, stderr } = await this.#output;
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      // It has ended by itself.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    // A task of a test that failed may hold it.
    const timer = setTimeout(() => this.kill("SIGKILL"), GRACE_MS);
    await this.#output;
    clearTimeout(timer);
  }
}

/** Python's engines and clients on a cluster that a test started. */
export class PythonPeers implements AsyncDisposable {
  readonly #security: string;
  readonly #engines: PythonProcess[] = [];

  constructor(folder: RunFolder) {
    this.#security = `${folder.dir}/security`;
  }

  /** Starts so many engines. Whoever needs them waits for them. */
  startEngines(n: number, env: Readonly<Record<string, string>> = {}): void {
    const args = ["-m", "ipyparallel.engine", `--file=${this.#security}/ipcontroller-engine.json`];
    for (let i = 0; i < n; i++) this.#engines.push(new PythonProcess(args, env));
  }

  /** Runs a program of a client, which finds the connection file in `sys.argv[1]`; gives what it printed. It must end well. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const client = new PythonProcess([
      "-c",
      program,
      `${this.#security}/ipcontroller-client.json`,
      ...args,
    ]);
    const timer = setTimeout(() => client.kill("SIGKILL"), PATIENCE_MS * 4);
    const { code, stdout, stderr } = await client.ended();
    clearTimeout(timer);
    assert.equal(code, 0, `${stderr}\n${stdout}`);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine[Symbol.asyncDispose]()));
  }
}

/** Python engines of the cluster in a profile's folder. */
export async function pythonEngines(
  stack: AsyncDisposableStack,
  profileDir: string,
  count: number,
): Promise<PythonProcess[]> {
  const file = connectionPaths(profileDir).engine;
  await fileAt(file);
  return Array.from(
    { length: count },
    () => stack.use(new PythonProcess(["-m", "ipyparallel.engine", `--file=${file}`])),
  );
}

/** Python's controller in a profile's folder, and a client of ours. */
export async function pythonController(
  stack: AsyncDisposableStack,
  profileDir: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<PythonProcess> {
  const controller = stack.use(
    new PythonProcess(
      ["-m", "ipyparallel.controller", `--profile-dir=${profileDir}`, "--ping=250", ...args],
      env,
    ),
  );
  await fileAt(connectionPaths(profileDir).client);
  await fileAt(connectionPaths(profileDir).engine);
  return controller;
}

/** A client of ours at whatever controller runs in the folder. */
export async function clientAt(stack: AsyncDisposableStack, profileDir: string): Promise<Client> {
  return stack.use(await Client.connect({ profileDir }));
}

async function fileAt(path: string): Promise<void> {
  await eventually(
    () => Deno.stat(path).then(({ size }) => size > 0, () => false),
    (isThere) => isThere,
    `"${path}" is there`,
  );
}
