/** Python's own programs for a test: engines, a controller, scripts. Ended at the end, by their pids. */
import { connectionPaths } from "../../src/protocol/connection_file.ts";
import { Client } from "../../src/client/client.ts";
import { eventually } from "./run.ts";

/** A Python with ipyparallel 9.2; undefined where there is none. */
export const PYTHON: string | undefined = Deno.env.get("TSPARALLEL_PYTHON");

/** Ends the names of tests that need it. */
export const NEEDS_PYTHON = "(needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)";

/** A running Python program. */
export class PythonProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    if (PYTHON === undefined) throw new Error("Cannot start Python: TSPARALLEL_PYTHON is not set");
    this.#child = new Deno.Command(PYTHON, {
      args: [...args],
      env: { ...env },
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
    await this.#output;
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
