/** The cluster that is fuzzed: a controller, engines of ours and of Python's, clients of both at work, and one of ours behind a stranger. */

import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { identify, isAlive, type ProcessId } from "../../src/cluster/process.ts";
import {
  type ClientConnection,
  type EngineConnection,
  readConnectionFile,
} from "../../src/protocol/connection_file.ts";
import { pssOfTrees } from "../bench/memory.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { eventually, queueIsEmpty, Run } from "../system/run.ts";
import { OurWorker, PythonWorker, type Worker } from "./honest.ts";
import { Middle } from "./middle.ts";
import type { Chance } from "./chance.ts";
import type { Cluster } from "./nonsense.ts";
import { startProcess, stopProcess } from "../../src/cluster/process.ts";

const OURS = 2;
const THEIRS = 2;
/** How much more memory a part may use than when it was warm, in MB: heaps grow for a while before they are cleared. */
const MOST_GROWTH_MB = 120;

export class FuzzedCluster implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #processes = new Map<string, ProcessId>();
  readonly #workers: Worker[] = [];
  readonly #measured: Map<string, number>[] = [];
  readonly #middle = new Middle();
  readonly #run: Run;
  readonly #victims: RunFolder;
  #failed: Promise<never> = new Promise(() => {});

  private constructor(run: Run, victims: RunFolder) {
    this.#run = run;
    this.#victims = victims;
    this.#stack.use(run);
    this.#stack.use(victims);
    this.#stack.use(this.#middle);
    this.#processes.set("controller", idOf(run, "controller"));
    this.#processes.set("engines", idOf(run, "engines"));
  }

  /** Starts everything; without `python` there are only parts of ours. */
  static async start(python: string | undefined): Promise<FuzzedCluster> {
    const cluster = new FuzzedCluster(await startTidily(), new RunFolder());
    try {
      await cluster.#begin(python);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #begin(python: string | undefined): Promise<void> {
    const { client } = this.#run;
    const victimFile = this.#victimFiles();
    const host = await this.#victims.start("victims", ["engine", "--file", victimFile.engine]);
    this.#processes.set("engine behind a stranger", host.id);
    await client.waitForEngines(OURS + 1);
    const ours = client.ids.slice(0, OURS + 1);
    if (python !== undefined) {
      await this.#startPython(python);
      await eventually(() => client.ids.length, (n) => n === OURS + 1 + THEIRS, "Python's engines are there");
      this.#workers.push(new PythonWorker(python, this.#run.clientFile, ours));
    }
    const victim = this.#stack.use(await Client.connect({ file: victimFile.client }));
    this.#workers.push(new OurWorker("our client", await this.#run.connect(), ours));
    this.#workers.push(new OurWorker("our client behind a stranger", victim, ours));
    this.#failed = Promise.race(this.#workers.map(({ failed }) => failed));
    this.#failed.catch(() => {});
    await eventually(
      () => this.#workers.map(({ rounds }) => rounds),
      (all) => all.every((n) => n > 3),
      "all work",
    );
  }

  #victimFiles(): { client: string; engine: string } {
    const files = { client: `${this.#victims.dir}/client.json`, engine: `${this.#victims.dir}/engine.json` };
    const { client, engine } = this.connections;
    Deno.writeTextFileSync(files.client, JSON.stringify(this.#middle.before(client)), { mode: 0o600 });
    Deno.writeTextFileSync(files.engine, JSON.stringify(this.#middle.before(engine)), { mode: 0o600 });
    return files;
  }

  async #startPython(python: string): Promise<void> {
    for (let i = 0; i < THEIRS; i++) {
      const { id } = await startProcess({
        command: python,
        args: ["-m", "ipyparallel.engine", `--file=${this.#run.engineFile}`],
        environment: { IPYTHONDIR: `${this.#victims.dir}/ipython` },
        logPath: `${this.#victims.dir}/python${i}.txt`,
      });
      this.#processes.set(`Python's engine ${i}`, id);
      this.#stack.defer(async () => void (await stopProcess(id, 5000)));
    }
  }

  get connections(): { client: ClientConnection; engine: EngineConnection } {
    return {
      client: readConnectionFile(this.#run.clientFile, "client"),
      engine: readConnectionFile(this.#run.engineFile, "engine"),
    };
  }

  /** What the fuzzer may know. */
  get known(): Cluster {
    const { client } = this.#run;
    const engines = client.ids.slice(0, OURS + 1).map((id) => ({ id, uuid: client.engineUuid(id)! }));
    return { key: this.connections.client.key, engines };
  }

  get uuids(): readonly string[] {
    return this.#run.client.ids.map((id) => this.#run.client.engineUuid(id)!);
  }

  /** Rejected when somebody's work went wrong. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /** Puts a message into some line from the controller to a part behind the stranger. */
  async insert(chance: Chance, frames: readonly Uint8Array[]): Promise<void> {
    const { lines } = this.#middle;
    if (lines.length > 0) await chance.pick(lines).insert(frames);
  }

  /** @throws AssertionError naming who has died */
  checkProcesses(): void {
    for (const [name, id] of this.#processes) assert(isAlive(id), `${name} has died`);
  }

  progress(): string {
    return this.#workers.map(({ name, rounds }) => `${name}: ${rounds} rounds`).join(", ");
  }

  /** Measures the memory of each part of ours, to be compared at the end. */
  measure(): string {
    this.#measured.push(this.#pss());
    return this.sizes();
  }

  /** Memory of each part of ours. */
  sizes(): string {
    return [...this.#pss()].map(([name, size]) => `${name} ${size.toFixed(0)} MB`).join(", ");
  }

  /** In MB. */
  #pss(): Map<string, number> {
    const ours = [...this.#processes].filter(([name]) => !name.startsWith("Python"));
    return new Map(ours.map(([name, { pid }]) => [name, pssOfTrees([pid])]));
  }

  /** Lets everybody finish, and waits until nothing is waiting or running. */
  async settle(say: (line: string) => void): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    say("everybody has finished");
    await queueIsEmpty(this.#run.client);
  }

  /** Everything that must hold at the end. */
  checkAll(): void {
    this.checkProcesses();
    for (const { name, rounds } of this.#workers) assert(rounds > 5, `${name} came to ${rounds} rounds`);
    const [warm, end] = [this.#measured.at(0)!, this.#measured.at(-1)!];
    for (const [name, size] of end) {
      const growth = size - (warm.get(name) ?? 0);
      assert(growth < MOST_GROWTH_MB, `${name} grew by ${growth.toFixed(0)} MB`);
    }
    assert.doesNotMatch(this.logs(), /A handler failed|could not be answered|\n\s+at |[Uu]ncaught|panick/);
  }

  /** What the parts of ours have said. */
  logs(): string {
    const victims = this.#victims.said("victims");
    return [this.#run.log("ipcontroller"), this.#run.log("ipengine-0"), victims].join("\n");
  }

  /** Where everything is, for whoever looks for a mistake. */
  async situation(): Promise<string> {
    const python = [0, 1].map((i) => this.#victims.said(`python${i}`)).join("\n");
    const { client } = this.#run;
    const [queue, status] = await Promise.all([client.queueStatus({ verbose: true }), client.status()]);
    const open = [
      ...queue.unassigned as string[],
      ...Object.values(queue.engines).flatMap((
        engine,
      ) => [...engine.queue as string[], ...engine.tasks as string[]]),
    ];
    const records = await client.query({ msg_id: { $in: open } }, ["queue", "header", "metadata", "content"]);
    const lines = records.map((record) => `open: ${JSON.stringify(record)}`).join("\n");
    return `${lines}\nPython's engines:\n${python}\nqueue ${JSON.stringify(queue)}\nstatus ${
      JSON.stringify(status)
    }`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#workers.map((worker) => worker.stop()));
    await this.#stack.disposeAsync();
  }
}

/**
 * With heaps that are cleared early: what V8 has not cleared yet is no leak, and would hide one. The environment is what the processes
 * start with.
 */
async function startTidily(): Promise<Run> {
  const before = Deno.env.get("DENO_V8_FLAGS");
  Deno.env.set("DENO_V8_FLAGS", "--max-semi-space-size=2,--optimize-for-size");
  try {
    return await Run.start({ n: OURS });
  } finally {
    if (before === undefined) Deno.env.delete("DENO_V8_FLAGS");
    else Deno.env.set("DENO_V8_FLAGS", before);
  }
}

function idOf(run: Run, kind: "controller" | "engines"): ProcessId {
  const part = run.cluster.parts.find(({ saved }) => saved.kind === kind)!;
  return identify(part.pid!);
}
