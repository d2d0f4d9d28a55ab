/**
 * How the schedulers come to know what they shall be: the hub's file names the link, and the hub's first answer on it says the rest.
 */
import { monotonic } from "../base/clock.ts";
import { fullTurn } from "../base/event_loop.ts";
import { connectionPaths, readConnectionFile } from "../protocol/connection_file.ts";
import { SyncPoller } from "../wire/poll.ts";
import { MAX_DEPTH } from "./broadcast_tree.ts";
import type { HubLink, HubNews } from "./hub_link.ts";
import { isScheme, type SchedulerSetup } from "./options.ts";

/** How a scheduler finds its hub: by the file in which the hub wrote down its link. */
export type SchedulerOptions =
  /** `isThread`: no signal will come, and the hub says when to stop. */
  | { readonly file: string; readonly isThread?: boolean | undefined }
  | { readonly profileDir: string; readonly clusterId: string; readonly file?: string | undefined };

/** Longest time without a turn of the event loop, in ms. */
export const TURN_MS = 50;
/** How long the hub may take to answer the first message, in ms. */
const SETUP_MS = 10_000;

/** The hub's file. */
export function fileOf(options: SchedulerOptions): string {
  if (options.file !== undefined) return options.file;
  const { profileDir, clusterId } = { profileDir: "", clusterId: "", ...options };
  return connectionPaths(profileDir, clusterId).scheduler;
}

/** Reads the hub's file, waiting a while for a hub that is just starting. */
export async function linkFromFile(path: string, signal: AbortSignal): Promise<string> {
  const until = monotonic() + SETUP_MS;
  for (;;) {
    try {
      return readConnectionFile(path, "scheduler").link;
    } catch (error) {
      if (signal.aborted || monotonic() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }
}

/** Waits for the hub's answer; null if it is to end instead. @throws Error if there is none in time, or one that cannot be used */
export async function awaitSetup(link: HubLink, signal: AbortSignal): Promise<SchedulerSetup | null> {
  const poller = new SyncPoller();
  let setup: SchedulerSetup | null = null, stopped = false;
  poller.add(link.socket, () => {
    for (const news of link.receive()) {
      if (news.kind === "scheduler_setup") setup = readSetup(news);
      else if (news.kind === "stop") stopped = true;
    }
  });
  const until = monotonic() + SETUP_MS;
  try {
    while (setup === null && !stopped) {
      if (signal.aborted) return null;
      if (monotonic() > until) {
        throw new Error(`Cannot start the schedulers: no reply of the hub in ${SETUP_MS / 1000} s`);
      }
      poller.wait(TURN_MS);
      await fullTurn();
    }
    return setup;
  } finally {
    poller.remove(link.socket);
  }
}

function readSetup(news: HubNews): SchedulerSetup {
  const {
    clientInterface,
    engineInterface,
    nonce,
    key,
    scheme,
    hwm,
    ports,
    packer = "json",
    broadcastDepth = 1,
    curveSecretKey = null,
    curvePublicKey = "",
    policy = null,
  } = news;
  const isHwm = hwm === null || (typeof hwm === "number" && hwm >= 0);
  if (
    typeof clientInterface !== "string" || typeof engineInterface !== "string" || typeof nonce !== "string" ||
    typeof key !== "string" || typeof scheme !== "string" || typeof packer !== "string" || !isHwm ||
    typeof ports !== "object" || ports === null || !isDepth(broadcastDepth) ||
    (curveSecretKey !== null && typeof curveSecretKey !== "string") ||
    typeof curvePublicKey !== "string" || typeof policy !== "object"
  ) throw new TypeError("Cannot start the schedulers: the hub's setup lacks a field");
  if (!isScheme(scheme)) throw new RangeError(`Cannot start the schedulers: no scheme "${scheme}" is known`);
  return {
    clientInterface,
    engineInterface,
    nonce,
    key,
    scheme,
    broadcastDepth,
    curveSecretKey,
    curvePublicKey,
    policy,
    hwm,
    packer,
    ports: { client: {}, engine: {}, ...ports },
  };
}

function isDepth(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_DEPTH;
}
