/**
 * The process that houses hub and schedulers. The hub lives on the main thread, where signals and files are; the schedulers block their thread in their wait, so
 * they get a thread of their own, or a process (`layout`). Both speak over the same link, so nothing else differs.
 */
import type { Logger, LogLevel } from "../base/log.ts";
import { type Hub, type HubOptions, startHub } from "../hub/hub.ts";

/** Where the schedulers run. */
export type Layout = "thread" | "process";

export interface ControllerOptions {
  readonly hub: HubOptions;
  readonly layout: Layout;
  /** Least grave lines that the schedulers' thread logs. */
  readonly logLevel: LogLevel;
  /** Command that starts `tsparallel scheduler` for the layout "process"; the hub's link is appended. */
  readonly schedulerCommand: readonly string[];
}

/** A running scheduler part: `ended` tells the reason when it ends by itself. */
interface SchedulerPart {
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** How long the schedulers get to stop, in ms. */
const STOP_MS = 3000;

/**
 * Runs a controller until the signal aborts, a client asks for shutdown, or a part of it fails.
 * @returns the exit code: 0 after an orderly end, 1 when a part failed
 * @throws Error if it cannot start (profile in use, port taken, folder not writable …)
 */
export async function runController(
  options: ControllerOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const hub = await startHub(options.hub, log);
  const part = options.layout === "thread"
    ? startThread(hub, options.logLevel, log)
    : startProcess(hub, options.schedulerCommand);
  const stopped = Promise.withResolvers<string>();
  const onAbort = () => stopped.resolve("");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    const reason = await Promise.race([
      stopped.promise,
      hub.closed,
      part.ended.then((why) => `The schedulers ended: ${why}`),
    ]);
    if (reason !== "") log.info("The controller ends", { reason });
    return reason.startsWith("The schedulers ended") ? 1 : 0;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await hub.stop();
    await part.stop();
  }
}

function startThread(hub: Hub, level: LogLevel, log: Logger): SchedulerPart {
  const worker = new Worker(new URL("./scheduler_thread.ts", import.meta.url), {
    type: "module",
    name: "scheduler",
  });
  const ended = Promise.withResolvers<string>();
  worker.onmessage = ({ data }) => ended.resolve(String(data));
  worker.onerror = (event) => {
    event.preventDefault();
    log.error("The schedulers' thread failed", { error: event.message });
    ended.resolve(event.message);
  };
  worker.postMessage({ link: hub.link, level });
  return {
    ended: ended.promise,
    async stop() {
      await within(STOP_MS, ended.promise);
      worker.terminate();
    },
  };
}

function startProcess(hub: Hub, command: readonly string[]): SchedulerPart {
  const [file, ...args] = command;
  if (file === undefined) throw new TypeError("Cannot start the schedulers: no command is given");
  const child = new Deno.Command(file, { args: [...args, `--link=${hub.link}`], stdin: "null" }).spawn();
  const ended = child.status.then(({ code, signal }) =>
    signal === null ? `exit code ${code}` : `signal ${signal}`
  );
  return {
    ended,
    async stop() {
      if (await within(STOP_MS, ended) === null) {
        child.kill("SIGKILL");
        await ended;
      }
    },
  };
}

/** The promise's value, or null if it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: number | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
