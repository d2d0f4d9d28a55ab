/** One cluster in a folder of its own for a test: started, used, and gone at its end. */
import type { Client } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { libc } from "../../src/native/libc.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { Context } from "../../src/wire/context.ts";
import { RunFolder } from "../cli/run_folder.ts";

// Libraries stay open once they were needed; that is nothing that a test leaks.
createMac("").hex([]);
createMac("a key").hex([]);
Context.open().close();
libc();

/** The longest that anything may take here, in ms. */
export const PATIENCE_MS = 20_000;

export interface RunOptions {
  /** Engines, in one host. Default 2. */
  readonly n?: number;
  readonly controllerArgs?: readonly string[];
  readonly engineArgs?: readonly string[];
}

/** A running cluster, its folder, and a client. */
export class Run implements AsyncDisposable {
  readonly #clients: Client[] = [];

  private constructor(readonly folder: RunFolder, readonly cluster: Cluster, readonly client: Client) {
    this.#clients.push(client);
  }

  static async start({ n = 2, controllerArgs, engineArgs }: RunOptions = {}): Promise<Run> {
    const folder = new RunFolder();
    try {
      const cluster = await Cluster.start({ n, profileDir: folder.dir, controllerArgs, engineArgs });
      return new Run(folder, cluster, await cluster.client());
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One more client, closed at the end if not before. */
  async connect(): Promise<Client> {
    const client = await this.cluster.client();
    this.#clients.push(client);
    return client;
  }

  /** Path of the connection file for clients. */
  get clientFile(): string {
    return `${this.folder.dir}/security/ipcontroller-client.json`;
  }

  get engineFile(): string {
    return `${this.folder.dir}/security/ipcontroller-engine.json`;
  }

  /** Pid of the controller. */
  get controllerPid(): number {
    return this.#pidOf("controller");
  }

  /** Pid of the engine host that was started first. */
  get hostPid(): number {
    return this.#pidOf("engines");
  }

  #pidOf(kind: "controller" | "engines"): number {
    const part = this.cluster.parts.find(({ saved }) => saved.kind === kind);
    if (part === undefined) throw new Error(`No ${kind} runs`);
    return part.pid!;
  }

  /** What a part has logged so far: `ipcontroller`, `ipengine-0`. */
  log(name: string): string {
    return Deno.readTextFileSync(`${this.folder.dir}/log/${name}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    const { parts } = this.cluster;
    await this.cluster.stop();
    await Promise.all(parts.map((part) => part.ended));
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Waits until a question to the cluster has the wanted answer, asking often. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  isSo: (answer: T) => boolean,
  what: string,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`Waited in vain until ${what}; it is ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until the hub counts nothing that waits or runs, at any engine that ever was. */
export async function queueIsEmpty(client: Client): Promise<void> {
  await eventually(
    () => client.queueStatus(),
    ({ unassigned, engines }) =>
      unassigned === 0 && Object.values(engines).every(({ queue, tasks }) => queue === 0 && tasks === 0),
    "the queue is empty",
  );
}

/** The error that a promise is rejected with; fails if there is none in time. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("No answer in time")), PATIENCE_MS);
  try {
    const value = await Promise.race([promise.then((value) => ({ value })), late.promise]);
    throw new Error(`No error, but ${JSON.stringify(value)}`);
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
  }
}
