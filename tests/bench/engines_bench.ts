/**
 * What a controller makes of 300 engines where it has work for all of them: tasks per second through the real controller, records on, with 300 engines
 * against 2, both in a process that echoes. Two clusters stand at once and are measured in turns. The client is as plain as they are: it
 * writes groups of 500 tasks, keeps 20,000 open, and checks that each answer is its task's argument.
 */
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { emptyResult, KIND, OP } from "../../src/protocol/groups.ts";
import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { Incoming } from "../../src/wire/incoming.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { RawPeer } from "../system/raw_peer.ts";
import { eventually } from "../system/run.ts";
import { type Figures, quantile } from "./figures.ts";
import { cpuSecondsOfTrees } from "./memory.ts";

const WINDOW = 20_000;
const GROUP = 500;
const BODY_BYTES = 8;
const PATIENCE_MS = 20_000;

/** Rates of both, and how long one task takes where nothing else is to do. */
export async function benchEngines({ quick }: { readonly quick: boolean }): Promise<Figures> {
  const { few, many } = await measureEngines(quick ? 3 : 7, quick ? 60_000 : 120_000);
  return { engines_300_ratio: quantile(many.rates, 0.5) / quantile(few.rates, 0.5) };
}

/** Seconds from the start of 300 engines, in six processes that register them all at once, until the hub has all and each has given back a task. */
export async function benchRegistration({ quick }: { readonly quick: boolean }): Promise<Figures> {
  const seconds: number[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await using cluster = await EchoCluster.start(300, 6);
    // Least loaded first: of these none goes a second time to an engine before all have had one.
    cluster.run(300, 300);
    seconds.push((performance.now() - cluster.began) / 1000);
  }
  return { register_300_s: quantile(seconds, 0.5) };
}

interface Side {
  readonly rates: number[];
  /** Of the controller, hub and schedulers together, for each task. */
  readonly cpuUs: number[];
  readonly latencyUs: number[];
}

async function measureEngines(rounds: number, tasks: number): Promise<{ few: Side; many: Side }> {
  await using few = await EchoCluster.start(2);
  await using many = await EchoCluster.start(300);
  for (const cluster of [few, many]) cluster.run(3 * WINDOW, WINDOW);
  for (let round = 0; round < rounds; round++) {
    for (const cluster of [few, many]) cluster.measure(tasks);
  }
  for (const cluster of [few, many]) cluster.measureLatency(500);
  return { few: few.side, many: many.side };
}

class EchoCluster implements AsyncDisposable {
  readonly side: Side = { rates: [], cpuUs: [], latencyUs: [] };
  readonly #folder = new RunFolder();
  readonly #engines: Deno.ChildProcess[] = [];
  /** When its engines were started, ms of `performance.now()`. */
  began = 0;
  readonly #poller = new SyncPoller();
  readonly #incoming = new Incoming();
  readonly #reader = new GroupReader();
  readonly #result = emptyResult();
  readonly #body = new Uint8Array(BODY_BYTES);
  #controller = 0;
  #peer: RawPeer | null = null;
  #sent = 0;
  #done = 0;

  static async start(engines: number, processes = 1): Promise<EchoCluster> {
    const cluster = new EchoCluster();
    try {
      await cluster.#start(engines, processes);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #start(engines: number, processes: number): Promise<void> {
    const { dir } = this.#folder;
    this.#controller = (await this.#folder.start("controller", ["controller"])).id.pid;
    await eventually(() => hasFiles(dir), (has) => has, "the controller has written its files");
    const program = new URL("echo_engines.ts", import.meta.url).pathname;
    const args = ["run", "-A", "--no-prompt", program, dir, String(engines / processes)];
    this.began = performance.now();
    for (let i = 0; i < processes; i++) {
      this.#engines.push(new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped" }).spawn());
    }
    for (const { stdout } of this.#engines) {
      const { value } = await stdout.getReader().read();
      if (value === undefined) throw new Error("Cannot measure many engines: they ended");
    }
    const peer = this.#peer = new RawPeer(dir);
    await peer.announce();
    await eventually(
      async () => Object.keys((await peer.ask("connection_request", {})).content["engines"] ?? {}).length,
      (count) => count === engines,
      `${engines} engines are registered`,
    );
    this.#task.send([peer.tasks([])]);
    this.#poller.add(this.#task, () => this.#read());
  }

  get #task(): Socket {
    return this.#peer!.socket("task");
  }

  /** So many tasks, of which at most `window` are open at once. */
  run(tasks: number, window: number): void {
    const end = this.#done + tasks, until = performance.now() + PATIENCE_MS;
    while (this.#done < end) {
      while (this.#sent < end && this.#sent - this.#done <= window - Math.min(GROUP, window)) {
        this.#submit(Math.min(GROUP, end - this.#sent, window));
      }
      this.#poller.wait(100);
      if (performance.now() > until) throw new Error("Cannot measure many engines: tasks do not come back");
    }
  }

  measure(tasks: number): void {
    const began = performance.now(), cpu = cpuSecondsOfTrees([this.#controller]);
    this.run(tasks, WINDOW);
    this.side.rates.push(tasks / (performance.now() - began) * 1000);
    this.side.cpuUs.push((cpuSecondsOfTrees([this.#controller]) - cpu) / tasks * 1e6);
  }

  measureLatency(tasks: number): void {
    for (let i = 0; i < tasks; i++) {
      const began = performance.now();
      this.run(1, 1);
      this.side.latencyUs.push((performance.now() - began) * 1000);
    }
  }

  #submit(count: number): void {
    const peer = this.#peer!, body = this.#body, view = new DataView(body.buffer), at = Date.now();
    const group = peer.group(KIND.tasks, (writer) => {
      for (let i = 0; i < count; i++) {
        view.setUint32(0, ++this.#sent, true);
        writer.task(this.#sent, peer.index, 1, OP.apply, 0, 0, 0, 0, at, body);
      }
    });
    this.#task.send([group]);
  }

  #read(): void {
    while (this.#task.receiveInto(this.#incoming)) {
      const frame = this.#incoming.frame(0), result = this.#result;
      if (this.#reader.open(frame).kind !== KIND.results) continue;
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      while (this.#reader.result(result)) {
        if (result.bodyLength !== BODY_BYTES || view.getUint32(result.bodyOffset, true) !== result.n) {
          throw new Error(`Cannot trust the engines: task ${result.n} has another's result`);
        }
        this.#done++;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer?.[Symbol.dispose]();
    await Promise.all(this.#engines.map(ended));
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function ended(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended already.
    if (!(error instanceof TypeError)) throw error;
  }
  await child.status;
}

function hasFiles(dir: string): boolean {
  try {
    readConnectionFile(`${dir}/security/ipcontroller-client.json`, "client");
    readConnectionFile(`${dir}/security/ipcontroller-engine.json`, "engine");
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  for (const [name, side] of Object.entries(await measureEngines(5, 60_000))) {
    const { rates, cpuUs, latencyUs } = side;
    const [rate, cpu, latency] = [rates, cpuUs, latencyUs].map((values) => quantile(values, 0.5).toFixed(1));
    console.log(`${name}: ${rate} tasks/s, controller ${cpu} µs a task, one at a time ${latency} µs`);
  }
}
