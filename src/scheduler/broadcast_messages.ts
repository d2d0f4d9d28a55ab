/**
 * Ids and messages of broadcasts: what an engine's copy of a request is called, and what stands in place of its reply.
 */
import type { Dictionary, Header, Session } from "../protocol/frames.ts";
import type { BroadcastTarget } from "./broadcast_core.ts";
import type { Refusal } from "./peer_refusals.ts";

/** What is said in place of an engine that will not answer. */
export function lostEngine(why: string): Refusal {
  return { ename: "EngineError", evalue: why };
}

/** The id under which an engine gets its copy. */
export function copyId(msgId: string, uuid: string): string {
  return `${msgId}_${uuid}`;
}

/** The request that a reply belongs to by its parent's id, which is that of the engine's copy. */
export function keyOf(parent: unknown, uuid: string): string | undefined {
  return typeof parent === "string" && parent.endsWith(`_${uuid}`)
    ? parent.slice(0, -uuid.length - 1)
    : undefined;
}

/** Clients expect no other types here. */
export function replyType({ msg_type }: Header): "execute_reply" | "apply_reply" {
  return msg_type === "execute_request" ? "execute_reply" : "apply_reply";
}

/** An error in place of one engine's reply. */
export function copyRefusal(
  session: Session,
  header: Header,
  { uuid }: BroadcastTarget,
  { ename, evalue }: Refusal,
): Uint8Array[] {
  const metadata = {
    status: "error",
    engine: uuid,
    is_broadcast: true,
    is_coalescing: false,
    original_msg_id: header.msg_id,
  };
  const parent = { ...header, msg_id: copyId(header.msg_id, uuid) };
  return session.message(replyType(header), errorContent(ename, evalue), { parent, metadata });
}

function errorContent(ename: string, evalue: string): Dictionary {
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`], engine_info: {} };
}

/** Pairs of uuid and id, each engine once; null if there is none or the list is something else. */
export function readTargets(value: unknown): BroadcastTarget[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const targets = new Map<string, BroadcastTarget>();
  for (const pair of value) {
    const [uuid, id]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof uuid !== "string" || uuid === "" || typeof id !== "number") return null;
    targets.set(uuid, { uuid, id });
  }
  return [...targets.values()];
}
