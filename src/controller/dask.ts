/**
 * A dask scheduler beside the hub, for clients that call `become_dask()`: a Python process that runs `distributed.Scheduler` with what the
 * client asked for. It ends when its standard input does, so it never outlives the controller, however that ends.
 */
import type { Logger } from "../base/log.ts";
import type { DaskAddress, DaskPart } from "../hub/options.ts";
import { pythonsOf } from "./pythons.ts";

/** Runs in the other process: its first line is the address, and the end of its input is its own. */
const PROGRAM = `
import asyncio, json, sys
from distributed import Scheduler

async def main():
    scheduler = await Scheduler(**json.loads(sys.argv[1]))
    print(json.dumps({"address": scheduler.address, "ip": scheduler.ip, "port": scheduler.port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await scheduler.close()

asyncio.run(main())
`;
/** Asks without importing it, which takes a second. */
const PROBE = `import importlib.util, sys; sys.exit(importlib.util.find_spec("distributed") is None)`;

/** How long it may take to be there, to end by itself, in ms. */
const START_MS = 30_000;
const STOP_MS = 3000;
const STDERR_LINES = 5;

/** What a controller knows of dask. */
export interface DaskSettings {
  /** The interpreter that the user names, or null. */
  readonly python: string | null;
  /** Where it listens if the client does not say: the address of the controller's own sockets. */
  readonly host: string | undefined;
}

/** Dask's scheduler, started when it is asked for. */
export function daskPart(settings: DaskSettings, log: Logger): DaskPart {
  let running: Promise<RunningDask> | undefined;
  return {
    async start(args) {
      running ??= startDask(settings, args, log);
      const mine = running;
      try {
        const dask = await mine;
        void dask.ended.then(() => running = running === mine ? undefined : running);
        return dask.address;
      } catch (error) {
        running = undefined;
        throw error;
      }
    },
    async stop() {
      const mine = running;
      running = undefined;
      await mine?.then((dask) => dask.stop(), () => {});
    },
  };
}

interface RunningDask {
  readonly address: DaskAddress;
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

async function startDask(
  { python, host }: DaskSettings,
  args: Readonly<Record<string, unknown>>,
  log: Logger,
): Promise<RunningDask> {
  const program = await pythonWithDask(python);
  const isPlaced = ["host", "interface", "contact_address"].some((name) => args[name] !== undefined);
  const settings = isPlaced || host === undefined ? args : { host, ...args };
  const child = new Deno.Command(program, {
    args: ["-c", PROGRAM, JSON.stringify({ dashboard: false, ...settings })],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = lastWords(child.stderr);
  const ended = child.status;
  const stop = async () => {
    await child.stdin.close().catch(() => {});
    const timer = setTimeout(() => endNow(child), STOP_MS);
    await ended;
    clearTimeout(timer);
  };
  const late = setTimeout(() => endNow(child), START_MS);
  const line = await firstLine(child.stdout);
  clearTimeout(late);
  const address = addressIn(line);
  if (address === undefined) {
    await stop();
    throw new Error(`Cannot start dask's scheduler with "${program}": ${await said || "it said nothing"}`);
  }
  log.info("dask scheduler running", { address: address.address, python: program, pid: child.pid });
  void ended.then(({ code }) => log.info("dask scheduler ended", { code }));
  return { address, ended, stop };
}

/** @throws Error that says what was tried, and how to name another */
async function pythonWithDask(given: string | null): Promise<string> {
  const tried: string[] = [];
  for (const program of pythonsOf(given)) {
    const output = new Deno.Command(program, {
      args: ["-c", PROBE],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    try {
      if ((await output.output()).success) return program;
      tried.push(`${program} (has no distributed)`);
    } catch {
      tried.push(`${program} (is no program)`);
    }
  }
  throw new Error(
    `Cannot start dask's scheduler: no Python with the package distributed was found; tried ${
      tried.join(", ") || "nothing"
    }. Install it there (pip install distributed), or start the controller with --python=<path> (TSPARALLEL_PYTHON)`,
  );
}

/** The first line of a stream; the rest is read and dropped, so that the process never waits for a reader. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder(), reader = stream.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  void drain(reader);
  return text.slice(0, text.indexOf("\n"));
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

/** The last lines of a stream, when it has ended. */
async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (
    const part of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  ) {
    text = (text + part).slice(-8192);
  }
  return text.trim().split("\n").slice(-STDERR_LINES).join(" | ");
}

function endNow(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function addressIn(line: string): DaskAddress | undefined {
  try {
    const { address, ip, port } = JSON.parse(line);
    return typeof address === "string" && typeof ip === "string" && typeof port === "number"
      ? { address, ip, port }
      : undefined;
  } catch {
    return undefined;
  }
}
