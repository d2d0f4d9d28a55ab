/** A controller, ours or ipyparallel's own, with ipyparallel's engines and programs in Python that talk to it, in a folder of its own. */

import {
  hasEnded,
  type Process,
  programCommand,
  startProcess,
  stopProcess,
} from "../../src/cluster/process.ts";

/** The longest that a start may take, in ms. */
const PATIENCE_MS = 60_000;

/** What is started. */
export interface PythonClusterOptions {
  readonly python: string;
  readonly controller: "ours" | "ipcontroller";
  /** Python engines. Default none. */
  readonly engines?: number;
  readonly controllerArgs?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Such a cluster; its processes end with it. */
export class PythonCluster implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "tsparallel-peers-" });
  readonly #options: PythonClusterOptions;
  readonly #engines: Process[] = [];
  #controller: Process | undefined;

  private constructor(options: PythonClusterOptions) {
    this.#options = options;
  }

  /** Starts controller and engines; the engines may still be on their way. */
  static async start(options: PythonClusterOptions): Promise<PythonCluster> {
    const cluster = new PythonCluster(options);
    try {
      await cluster.#startController();
      for (let i = 0; i < (options.engines ?? 0); i++) await cluster.startEngine();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Path of the connection file for clients. */
  get clientFile(): string {
    return `${this.dir}/security/ipcontroller-client.json`;
  }

  get engineFile(): string {
    return `${this.dir}/security/ipcontroller-engine.json`;
  }

  get controllerPid(): number {
    return this.#controller!.id.pid;
  }

  get enginePids(): readonly number[] {
    return this.#engines.map(({ id }) => id.pid);
  }

  async #startController(): Promise<void> {
    const { python, controller, controllerArgs = [] } = this.#options;
    const ours = programCommand();
    const [command, ...args] = controller === "ours"
      ? [ours.command, ...ours.args, "controller"]
      : [python, "-m", "ipyparallel.controller"];
    const place = ["--profile-dir", this.dir, "--ip=127.0.0.1"];
    this.#controller = await this.#spawn("controller", command, [...args, ...place, ...controllerArgs]);
    await this.#until(() => [this.clientFile, this.engineFile].every(isThere), "controller");
  }

  /** One more Python engine. */
  async startEngine(): Promise<Process> {
    const name = `engine${this.#engines.length}`;
    const args = ["-m", "ipyparallel.engine", `--file=${this.engineFile}`];
    const engine = await this.#spawn(name, this.#options.python, args);
    this.#engines.push(engine);
    return engine;
  }

  #spawn(name: string, command: string, args: readonly string[]): Promise<Process> {
    const environment = { NO_COLOR: "1", IPYTHONDIR: `${this.dir}/ipython`, ...this.#options.environment };
    return startProcess({ command, args, environment, logPath: `${this.dir}/${name}.txt` });
  }

  async #until(isSo: () => boolean, name: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`The ${name} did not come up:\n${this.said(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What a process has said: `controller`, `engine0`, … */
  said(name: string): string {
    return Deno.readTextFileSync(`${this.dir}/${name}.txt`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#engines.map(({ id }) => stopProcess(id, 5000)));
    if (this.#controller !== undefined) {
      await stopProcess(this.#controller.id, 5000);
      await hasEnded(this.#controller.id, 5000);
    }
    await Deno.remove(this.dir, { recursive: true });
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A Python program that answers one line of JSON with one line of JSON. */
export class PythonProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #rest = "";

  constructor(python: string, file: URL, args: readonly string[]) {
    this.#child = new Deno.Command(python, {
      args: ["-u", decodeURIComponent(file.pathname), ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Asks and waits for the answer.
   * @throws Error with what the program said on stderr if it ends before
   */
  async ask(question: unknown): Promise<unknown> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
    return await this.next();
  }

  /** The next line, for a program that speaks unasked. */
  async next(): Promise<unknown> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return JSON.parse(line);
      }
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`The Python program ended:\n${await this.#errors}`);
      this.#rest += value;
    }
  }

  /** Tells it to end when it is through with what it does. */
  closeInput(): void {
    this.#writer.close().catch(() => {});
  }

  /** Closes its input, on which it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closeInput();
    await this.#lines.cancel().catch(() => {});
    await this.#child.status;
    await this.#errors;
  }
}
