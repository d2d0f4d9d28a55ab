/**
 * Which language a request travels in: groups to our engines, Jupyter messages to Python's and to all behind Python's controller. What has no form in the
 * language of an engine is refused here, before anything is sent.
 */
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import type { PeerRequest } from "./peer_messages.ts";
import type { BalancedOptions, TaskLimits } from "./view_options.ts";

/** Makes a request's form as a message; absent if it has none. */
export type PeerForm = (() => PeerRequest) | undefined;

/**
 * The message for these engines.
 * @throws TypeError if there is none, or limits are asked for, which nobody can hold there
 */
export function messageFor(
  connection: Connection,
  engines: readonly Engine[],
  form: PeerForm,
  limits: TaskLimits | undefined,
): PeerRequest {
  const names = engines.length === 0 ? "the engines" : engineNames(engines);
  const what = connection.speaksGroups
    ? `${names}, which ${engines.length === 1 ? "runs" : "run"} Python`
    : `${names} through this controller, which passes on ipyparallel's messages only (Python's ipcontroller)`;
  if (form === undefined) {
    throw new TypeError(
      `Cannot send a TypeScript function to ${what}: call a function that is defined there with ` +
        `apply(new Reference("name"), …), or run code in the engine's language with execute`,
    );
  }
  if (limits !== undefined && Object.values(limits).some((limit) => limit !== undefined)) {
    throw new TypeError(`Cannot hold limits on ${what}: leave "limits" out, and stop a task with cancel()`);
  }
  return form();
}

/**
 * The engines that a load-balanced task may meet as a message; null if it travels in a group.
 *
 * Tasks go to our engines if there are any, unless `targets` names another; with Python engines alone they go there.
 */
export function balancedPeers(
  connection: Connection,
  targets: readonly number[] | undefined,
): Engine[] | null {
  const { engines, speaksGroups } = connection;
  if (targets !== undefined && targets.length > 0) {
    const peers = targets.map((id) => engines.get(id)).filter((engine) => engine?.isOurs === false);
    return peers.length > 0 || !speaksGroups ? peers as Engine[] : null;
  }
  const { peers } = engines;
  if (!speaksGroups) return peers;
  return peers.length > 0 && peers.length === engines.ids.length ? peers : null;
}

/** A scheme without a scheduler that takes groups apart: libzmq deals whole messages out to whoever is next, or there is none. */
export function noBalance(scheme: string): Error {
  return new Error(
    `Cannot balance tasks: the controller's scheme is "${scheme}"; use a direct view, or start it with another --scheme`,
  );
}

/** What only a scheduler can hold: libzmq's own queue reads nothing. */
const SCHEDULED = ["after", "follow", "targets", "retries", "queueTimeoutMs"] as const;

/** @throws Error or TypeError if the controller's scheme has no way for a message with these options */
export function checkScheme(scheme: string, options: BalancedOptions): void {
  if (scheme === "none") throw noBalance(scheme);
  if (scheme !== "pure") return;
  const asked = SCHEDULED.filter((name) => options[name] !== undefined);
  if (asked.length === 0) return;
  throw new TypeError(
    `Cannot hold ${
      asked.map((name) => `"${name}"`).join(", ")
    }: the controller's scheme is "pure", which deals tasks out unread`,
  );
}

function engineNames(engines: readonly Engine[]): string {
  const ids = engines.map(({ id }) => id);
  const listed = ids.length <= 20
    ? ids.join(", ")
    : `${ids.slice(0, 20).join(", ")} and ${ids.length - 20} more`;
  return `${ids.length === 1 ? "engine" : "engines"} ${listed}`;
}
