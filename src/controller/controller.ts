/**
 * The process that houses hub and schedulers. The hub lives on the main thread, where signals and files are; the schedulers block their thread in their wait, so
 * they get a thread of their own, or a process (`layout`). Both speak over the same link, so nothing else differs.
 */
import type { Logger } from "../base/log.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import type { DaskPart, HubOptions } from "../hub/options.ts";
import { daskPart } from "./dask.ts";
import { hubOptions } from "./hub_options.ts";
import type { ControllerOptions } from "./options.ts";

/** Where a controller runs, beside its options. */
export interface ControllerPlace {
  readonly profileDir: string;
  readonly clusterId: string;
  /** Command that starts `tsparallel scheduler`, for the layout "process". */
  readonly schedulerCommand?: readonly string[];
}

/** A running scheduler part: `ended` tells the reason when it ends by itself. */
interface SchedulerPart {
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** The hub's reason after a client's shutdown request. */
const ASKED = "a client asked for it";

/** How long the schedulers get to stop, in ms. */
const STOP_MS = 3000;

/**
 * Runs a controller until the signal aborts, a client asks for shutdown, or a part of it fails.
 * @returns the exit code: 0 after an orderly end, 1 when a part failed
 * @throws Error if it cannot start (profile in use, port taken, folder not writable …)
 */
export async function runController(
  options: ControllerOptions & ControllerPlace,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const hub = await startHub(withDask(options, log), log);
  const part = options.layout === "thread" ? startThread(hub.schedulerFile, log) : startProcess(options);
  try {
    return await untilTheEnd(hub, part.ended, log, signal);
  } finally {
    await hub.stop();
    await part.stop();
  }
}

/** Runs the hub alone; its schedulers are a process that somebody else starts. */
export async function runHub(
  options: ControllerOptions & ControllerPlace,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const hub = await startHub({ ...withDask(options, log), schedulerTimeoutMs: 600_000 }, log);
  try {
    return await untilTheEnd(hub, new Promise(() => {}), log, signal);
  } finally {
    await hub.stop();
  }
}

/** What the hub is started with; how safe its connections are is said. */
function withDask(options: ControllerOptions & ControllerPlace, log: Logger): HubOptions {
  const found = hubOptions(options);
  if (found.curve) log.info("Connections are encrypted (CURVE)");
  else if (found.key === "") {
    log.warn("Messages are neither signed nor encrypted: whoever reaches the ports is client and engine");
  }
  return { ...found, dask: daskOf(options, log) };
}

/** Dask listens where the controller does; on all addresses only if that does. */
function daskOf(options: ControllerOptions, log: Logger): DaskPart {
  const ip = options.clientIp ?? options.ip;
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(ip) && ip !== "0.0.0.0";
  const isAll = ip === "*" || ip === "0.0.0.0";
  return daskPart({ python: options.python, host: isAddress ? ip : isAll ? undefined : "127.0.0.1" }, log);
}

async function untilTheEnd(
  hub: Hub,
  ended: Promise<string>,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const stopped = Promise.withResolvers<{ code: number; reason: string }>();
  const onAbort = () => stopped.resolve({ code: 0, reason: "asked to" });
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  hub.ready.catch((error) =>
    stopped.resolve({ code: 1, reason: error instanceof Error ? error.message : String(error) })
  );
  hub.closed.then((reason) => stopped.resolve({ code: reason === ASKED ? 0 : 1, reason }));
  ended.then((why) => stopped.resolve({ code: 1, reason: `the schedulers ended: ${why}` }));
  try {
    const { code, reason } = await stopped.promise;
    if (code === 0) log.info("Controller ends", { reason });
    else log.error("Controller ends", { reason });
    return code;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the schedulers' thread says to the main thread. */
export type ThreadNews =
  | {
    readonly kind: "log";
    readonly level: "debug" | "info" | "warn" | "error";
    readonly text: string;
    readonly fields: Record<string, unknown>;
  }
  | { readonly kind: "ended"; readonly reason: string };

function startThread(file: string, log: Logger): SchedulerPart {
  const worker = new Worker(new URL("./scheduler_thread.ts", import.meta.url), {
    type: "module",
    name: "scheduler",
  });
  const ended = Promise.withResolvers<string>();
  worker.onmessage = ({ data }: MessageEvent<ThreadNews>) => {
    if (data.kind === "log") log[data.level](data.text, data.fields);
    else ended.resolve(data.reason);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    ended.resolve(event.message);
  };
  worker.postMessage({ file });
  return {
    ended: ended.promise,
    async stop() {
      worker.postMessage({});
      await within(STOP_MS, ended.promise);
      worker.terminate();
    },
  };
}

function startProcess(place: ControllerPlace): SchedulerPart {
  const [file, ...args] = place.schedulerCommand ?? [];
  if (file === undefined) {
    throw new TypeError("Cannot start the schedulers as a process: no command is given");
  }
  const where = [`--profile-dir=${place.profileDir}`, `--cluster-id=${place.clusterId}`];
  const child = new Deno.Command(file, { args: [...args, ...where], stdin: "null" }).spawn();
  const ended = child.status.then(({ code, signal }) =>
    signal === null ? `exit code ${code}` : `signal ${signal}`
  );
  return {
    ended,
    async stop() {
      if (await within(STOP_MS, ended) !== null) return;
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The promise's value, or null if it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
