/**
 * What the hub publishes: engines that come and go, and its own end.
 */
import type { Message } from "../protocol/frames.ts";
import type { Engine } from "./engines.ts";
import { sharesOf } from "./welcome.ts";

/** One piece of news. */
export type News =
  | { readonly kind: "registered"; readonly engine: Engine }
  | { readonly kind: "unregistered"; readonly id: number; readonly uuid: string }
  | { readonly kind: "shutdown" };

/** What a message tells; undefined if it is nothing that a client needs to know. */
export function newsOf({ header, content }: Message): News | undefined {
  const { id, uuid, tsparallel } = content;
  switch (header.msg_type) {
    case "registration_notification": {
      if (typeof id !== "number" || typeof uuid !== "string") return undefined;
      const engine = { id, uuid, isOurs: tsparallel !== undefined, shares: sharesOf(tsparallel) };
      return { kind: "registered", engine };
    }
    case "unregistration_notification":
      return typeof id === "number" ? { kind: "unregistered", id, uuid: String(uuid) } : undefined;
    case "shutdown_notification":
      return { kind: "shutdown" };
    default:
      return undefined;
  }
}
