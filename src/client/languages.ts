/**
 * Which language a request travels in: groups to our engines, Jupyter messages to Python's and to all behind Python's controller. What has no form in the
 * language of an engine is refused here, before anything is sent.
 */
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import { callOf, type Definition, definitionOf, type Runnable } from "./functions.ts";
import type { EncodedTask } from "./path.ts";
import { type PeerRequest, peerRequest, referenceRequest } from "./peer_messages.ts";
import { peerFormOf } from "./peer_forms.ts";
import { hasReference } from "./reference.ts";
import type { BalancedOptions, EngineAsks } from "./view_options.ts";

/** What a view asks, in no language yet. */
export interface Call {
  readonly op: number;
  /** What a CompositeError calls it: `apply`. */
  readonly what: string;
  /** What an error calls its value: `args`. */
  readonly root: string;
  /** What is called, with the value as its arguments; null for other operations. */
  readonly run: Runnable<never[], unknown> | null;
}

/**
 * The call as a task in a group; valid until the next one.
 * @throws TypeError or UncodableValue for what cannot be sent
 */
export function encodedFor(
  connection: Connection,
  { op, root, run }: Call,
  value: unknown,
  tail: Uint8Array | null,
): EncodedTask {
  if (run === null) return connection.encode(op, value, { definition: null, tail, root });
  if (!hasReference(value)) {
    const definition = checkedNames(connection, definitionOf(run));
    return connection.encode(op, value, { definition, tail, root });
  }
  const { definition, args } = callOf(run, value as never[]);
  return connection.encode(op, args, { definition: checkedNames(connection, definition), tail, root });
}

/** The definition itself. @throws UnresolvedName if it uses a name that it would not find on an engine */
export function checkedNames({ known }: Connection, definition: Definition): Definition {
  const { uses, codes } = definition;
  if (codes !== undefined) { for (const code of codes) known.addCode(code); }
  if (uses !== undefined) known.check(uses);
  return definition;
}

/**
 * The call as a message for these engines.
 * @throws TypeError if it has no form as one, or limits or permissions are asked for, which nobody can hold there
 */
export function messageFor(
  connection: Connection,
  engines: readonly Engine[],
  call: Call,
  value: unknown,
  asks: EngineAsks,
): PeerRequest {
  checkMessage(connection, engines, call.run, asks);
  const plain = connection.values.plain(value);
  const form = peerFormOf(call.run);
  if (form !== undefined) return referenceRequest(form.reference, [...form.given, ...plain as unknown[]]);
  return peerRequest(call.op, plain);
}

/** @throws TypeError as `messageFor` */
export function checkMessage(
  connection: Connection,
  engines: readonly Engine[],
  run: Runnable<never[], unknown> | null,
  asks: EngineAsks,
): void {
  const names = engines.length === 0 ? "the engines" : engineNames(engines);
  const what = connection.speaksGroups
    ? `${names}, which ${engines.length === 1 ? "runs" : "run"} Python`
    : `${names} through this controller, which passes on ipyparallel's messages only (Python's ipcontroller)`;
  if (run !== null && peerFormOf(run) === undefined) {
    throw new TypeError(
      `Cannot send a TypeScript function to ${what}: call a function that is defined there with ` +
        `apply(new Reference("name"), …), or run code in the engine's language with execute`,
    );
  }
  checkAsks(asks, what);
}

function checkAsks({ limits, permissions, isolation }: EngineAsks, what: string): void {
  if (limits !== undefined && Object.values(limits).some((limit) => limit !== undefined)) {
    throw new TypeError(`Cannot hold limits on ${what}: leave "limits" out, and stop a task with cancel()`);
  }
  if (permissions !== undefined || isolation !== undefined) {
    const name = permissions === undefined ? "isolation" : "permissions";
    throw new TypeError(
      `Cannot hold "${name}" on ${what}: a task there may do all that its engine's user may; leave it out if that is meant`,
    );
  }
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
  if (!speaksGroups) return engines.peers;
  const { peers } = engines;
  return peers.length > 0 && peers.length === engines.ids.length ? peers : null;
}

/** A scheme without a scheduler that takes groups apart: libzmq deals whole messages out to whoever is next, or there is none. */
export function noBalance(scheme: string): Error {
  return new Error(
    `Cannot balance tasks: the controller's scheme is "${scheme}"; use a direct view, or start it with another --scheme`,
  );
}

/** What only a scheduler can hold: libzmq's own queue reads nothing. */
const SCHEDULED = ["after", "follow", "targets", "retries", "priority", "queueTimeoutMs"] as const;

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
