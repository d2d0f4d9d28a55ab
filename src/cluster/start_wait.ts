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
}

/**
 * Resolves when all engines are there.
 * @throws ClusterError if a part ends, or time is up, saying how each part is
 */
export async function waitUntilReady(
  cluster: Cluster,
  n: number,
  { signal, timeoutMs }: Wait,
): Promise<void> {
  const deadline = AbortSignal.timeout(timeoutMs), stop = new AbortController();
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

/** What the part waits for, in its system's words. */
async function waitingWords(part: Part): Promise<string> {
  const state = await part.state().catch(() => null);
  return state?.is === "waiting" ? `the ${nameOf(part)} (${part.label}) waits: ${state.words}` : "";
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
