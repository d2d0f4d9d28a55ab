/**
 * Reading the hub's answer to a connection_request: who we are, and which engines there are.
 */
import type { Message } from "../protocol/frames.ts";
import { EXTENSION_VERSION } from "../protocol/messages.ts";
import type { Engine } from "./engines.ts";

/** What a controller of ours tells a client of ours. */
export interface Welcome {
  /** This client's index. */
  readonly client: number;
  /** Of the controller's run. */
  readonly nonce: bigint;
}

/** The extension's part of the reply; null if there is none or another version's: to that controller we are a peer. */
export function welcomeOf({ content }: Message): Welcome | null {
  const field = content.tsparallel;
  if (typeof field !== "object" || field === null) return null;
  if (!("version" in field) || field.version !== EXTENSION_VERSION) return null;
  if (!("client" in field) || typeof field.client !== "number") return null;
  if (!("nonce" in field) || typeof field.nonce !== "string" || !/^[0-9a-f]{1,16}$/i.test(field.nonce)) {
    return null;
  }
  return { client: field.client, nonce: BigInt(`0x${field.nonce}`) };
}

/** The engines that the reply lists. */
export function enginesOf({ content }: Message): Engine[] {
  const { engines, tsparallel } = content;
  if (typeof engines !== "object" || engines === null) return [];
  const { engines: ours, shares }: { engines?: unknown; shares?: unknown } =
    typeof tsparallel === "object" && tsparallel !== null ? tsparallel : {};
  const ids = setOf(ours), sharing = setOf(shares);
  return Object.entries(engines).map(([id, uuid]) => ({
    id: Number(id),
    uuid: String(uuid),
    isOurs: ids.has(Number(id)),
    shares: sharing.has(Number(id)),
  }));
}

function setOf(list: unknown): ReadonlySet<unknown> {
  return new Set<unknown>(Array.isArray(list) ? list : []);
}

/** Whether an engine that is announced with this field takes pieces for several engines. */
export function sharesOf(field: unknown): boolean {
  return typeof field === "object" && field !== null && "shares" in field && field.shares === true;
}
