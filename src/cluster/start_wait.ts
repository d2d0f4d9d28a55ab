/**
 * The wait between starting a cluster and using it, and what is said when it is in vain.
 */
import type { Cluster } from "./cluster.ts";
import { ClusterError, type ClusterPlace, type Part } from "./launcher.ts";
import { connectionFile } from "./live_controller.ts";
import type { ClusterOptions } from "./options.ts";

const FILE_POLL_MS = 10;
const LOG_LINES = 12;

interface Wait {
  readonly signal: AbortSignal | null;
  readonly timeoutMs: number;
  /** How long parts may wait in a queue; null: as long as it takes. */
  readonly queueTimeoutMs: number | null;
}

/**
 * Resolves when all engines are there.
 * @throws ClusterError if a part ends, or time is up, saying how each part is
 */
export async function waitUntilReady(cluster: Cluster, n: number, wait: Wait): Promise<void> {
  const { signal } = wait, stop = new AbortController(), deadline = deadlineOf(cluster, wait, stop.signal);
  const ended = cluster.partEnded().then(({ sentence }) => {
    throw new ClusterError(sentence);
  });
  try {
    const signals = [deadline, stop.signal, ...(signal === null ? [] : [signal])];
    await Promise.race([connectAndWait(cluster, n, AbortSignal.any(signals)), ended]);
  } catch (error) {
    if (error instanceof ClusterError || !deadline.aborted) throw error;
    throw await tooSlow(cluster, n);
  } finally {
    stop.abort();
    ended.catch(() => {});
  }
}

/** Comes when there was time enough, not counting what a queue took. */
function deadlineOf(cluster: Cluster, { timeoutMs, queueTimeoutMs }: Wait, stop: AbortSignal): AbortSignal {
  const deadline = new AbortController(), began = performance.now();
  let timer = setTimeout(look, timeoutMs);
  stop.addEventListener("abort", () => clearTimeout(timer));
  async function look(): Promise<void> {
    const states = await Promise.all(cluster.parts.map((part) => part.state().catch(() => null)));
    if (stop.aborted) return;
    const left = (queueTimeoutMs ?? Infinity) - (performance.now() - began);
    if (left <= 0 || !states.some((state) => state?.is === "waiting")) return deadline.abort();
    // The time for coming up begins when the last job does.
    timer = setTimeout(look, Math.min(timeoutMs, left));
  }
  return deadline.signal;
}

async function connectAndWait(cluster: Cluster, n: number, signal: AbortSignal): Promise<void> {
  const loading = import("../client/client.ts");
  await fileAppears(cluster.connectionFile, signal);
  const { Client } = await loading;
  const { place: { profileDir, clusterId }, sshCommand } = cluster;
  await using client = await Client.connect({ profileDir, clusterId, sshCommand, signal });
  await client.waitForEngines(n, { signal });
}

async function tooSlow(cluster: Cluster, n: number): Promise<ClusterError> {
  const logs = cluster.parts.map((part) => part.saved.log).join(", ");
  const waiting = await Promise.all(cluster.parts.map(waitingWords));
  const words = waiting.filter((text) => text !== "").join("; ");
  return new ClusterError(
    `Cannot start the cluster: ${n} engines were not there in time; ${
      words === "" ? "" : `${words}; `
    }see ${logs}`,
  );
}

/** What the part waits for, in its system's words, or how it ended; empty while it runs. */
async function waitingWords(part: Part): Promise<string> {
  const state = await part.state().catch((error) => ({ is: "unknown", words: String(error) } as const));
  const name = `the ${nameOf(part)} (${part.label})`;
  switch (state.is) {
    case "running":
      return "";
    case "waiting":
      return `${name} waits: ${state.words}`;
    case "ended":
      return `${name} has ended${state.words === "" ? "" : `: ${state.words}`}`;
    case "unknown":
      return `${name} cannot be asked for: ${state.words}`;
  }
}

/** What is asked of `cluster.waitForEngines`. */
export interface EngineWait {
  /** Engines; default: as many as were started. */
  readonly n?: number | undefined;
  /** Default: `startTimeoutMs` of the cluster. */
  readonly timeoutMs?: number | undefined;
  /** Gives up the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until so many engines are registered.
 * @returns the ids of all
 * @throws ClusterError that says how many there are, and of each part that does not run why
 */
export async function waitForEngines(
  cluster: Cluster,
  { n, timeoutMs, signal }: {
    readonly n: number;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<readonly number[]> {
  await using client = await cluster.client();
  try {
    return await client.waitForEngines(n, { timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "TimeoutError" || signal?.aborted) throw error;
    const words = (await Promise.all(cluster.parts.map(waitingWords))).filter((text) => text !== "");
    const why = words.length > 0
      ? words.join("; ")
      : "all parts run: engines cannot reach the controller, or are slow to start";
    const logs = cluster.parts.map((part) => part.saved.log).join(", ");
    throw new ClusterError(
      `Waited ${timeoutMs} ms in vain: ${client.ids.length} of ${n} engines are registered; ${why}; see ${logs}`,
    );
  }
}

/** The end of a part, with its last words. */
export async function endSentence(part: Part, how: string): Promise<string> {
  const words = await part.lastLines(LOG_LINES);
  const log = words.length === 0 ? "its log is empty" : `its log ends with:\n  ${words.join("\n  ")}`;
  return `The ${nameOf(part)} is gone: ${how}; ${log}`;
}

function nameOf({ saved: { kind, n } }: Part): string {
  return kind === "controller" ? "controller" : `set of ${n} engines`;
}

interface Told {
  readonly signal?: AbortSignal | null;
  readonly timeoutMs?: number;
  /** A controller that is being started: the wait ends with it. */
  readonly controller?: Promise<Part>;
  /** True: the engines outlive this process. */
  readonly isDetached?: boolean | undefined;
}

/** The variables of engines: where the controller is, if that is how they are told. */
export async function engineInfo(
  place: ClusterPlace,
  options: ClusterOptions,
  { signal = null, timeoutMs = options.startTimeoutMs, controller, isDetached }: Told = {},
): Promise<Record<string, string>> {
  const environment: Record<string, string> = isDetached === true ? { TSPARALLEL_PARENT: "" } : {};
  if (options.connectionInfo === "file") return environment;
  const path = connectionFile(place, "engine");
  const deadline = AbortSignal.timeout(timeoutMs), stop = new AbortController();
  const gone = controller?.then((part) =>
    part.ended.then(async (how) => {
      throw new ClusterError(await endSentence(part, how));
    })
  );
  try {
    const signals = [deadline, stop.signal, ...(signal === null ? [] : [signal])];
    await Promise.race([fileAppears(path, AbortSignal.any(signals)), ...(gone === undefined ? [] : [gone])]);
  } catch (error) {
    if (error instanceof ClusterError || !deadline.aborted) throw error;
    throw new ClusterError(`Cannot start engines: the controller wrote no file "${path}" in ${timeoutMs} ms`);
  } finally {
    stop.abort();
    gone?.catch(() => {});
  }
  return { ...environment, IPP_CONNECTION_INFO: Deno.readTextFileSync(path) };
}

async function fileAppears(path: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      Deno.statSync(path);
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, FILE_POLL_MS));
  }
}
