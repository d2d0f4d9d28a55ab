/** What the hub tells those who come to it: a scheduler how it is to work, a client who is there. */

import { Session } from "../protocol/frames.ts";
import type { Mac } from "../protocol/mac.ts";
import type { Packer } from "../protocol/packers.ts";
import { offerJson } from "../protocol/task_asks.ts";
import type { HubSockets } from "./hub_sockets.ts";
import type { HubOptions } from "./options.ts";
import type { Engine } from "./registry.ts";
import type { SchedulerPorts } from "./scheduler_link.ts";

/** What a scheduler's setup depends on beside the options. */
export interface SetupParts {
  readonly sockets: Pick<HubSockets, "clientInterface" | "engineInterface">;
  readonly nonce: string;
  readonly key: string;
  /** Ports of a scheduler that was there before. */
  readonly oldPorts: Partial<SchedulerPorts> | undefined;
}

/** The setup for a scheduler that says hello. */
export function schedulerSetup(
  options: HubOptions,
  { sockets, nonce, key, oldPorts }: SetupParts,
): Readonly<Record<string, unknown>> {
  const { ports, scheme = "leastload", hwm = null, packer = "json", broadcastDepth = 1 } = options;
  const { clientInterface, engineInterface } = sockets;
  const client = { ...ports?.client, ...oldPorts?.client };
  const engine = { ...ports?.engine, ...oldPorts?.engine };
  const curveSecretKey = options.curve?.secretKey ?? null;
  const policy = options.policy?.toJson() ?? null;
  const curvePublicKey = options.curve?.publicKey ?? "";
  const common = { nonce, key, curveSecretKey, scheme, hwm, packer, broadcastDepth, policy, curvePublicKey };
  return { clientInterface, engineInterface, ports: { client, engine }, ...common };
}

/** What any client is told. */
export function welcomeContent(engines: readonly Engine[]) {
  return {
    status: "ok",
    engines: Object.fromEntries(engines.map(({ id, uuid }) => [String(id), uuid])),
  };
}

/** What a client of ours is told of engines of ours. */
export function ownEngines(engines: readonly Engine[]) {
  const idsOf = (list: readonly Engine[]) => list.map(({ id }) => id);
  const shares = idsOf(engines.filter(({ ours }) => ours?.process !== undefined));
  return {
    engines: idsOf(engines.filter(({ ours }) => ours !== null)),
    ...(shares.length === 0 ? {} : { shares }),
  };
}

/** What clients are told of an engine that came or left. */
export function engineNotice({ id, uuid, ours }: Engine) {
  if (ours === null) return { id, uuid };
  return { id, uuid, tsparallel: { version: 1, ...(ours.process === undefined ? {} : { shares: true }) } };
}

/** What the schedulers are told of an engine: whether it is ours, what its tasks may ask for, and where it runs. */
export function engineNews({ id, uuid, ours }: Engine): Readonly<Record<string, unknown>> {
  const permissions = ours === null ? null : offerJson(ours.offer);
  const process = ours?.process === undefined ? {} : { process: ours.process };
  return { kind: "engine_registered", id, uuid, ours: ours !== null, permissions, ...process };
}

/** Who the hub is in its messages. */
export function hubSession(
  { session, username = "hub" }: Pick<HubOptions, "session" | "username">,
  keys: { readonly key: string; readonly mac: Mac; readonly packer: Packer },
): Session {
  return new Session({ ...keys, username, pid: Deno.pid, ...(session === undefined ? {} : { session }) });
}
