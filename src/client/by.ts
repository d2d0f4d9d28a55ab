/**
 * Who this client is when it stops a task, and why it does, as others are told.
 */
import { hostNameIfGranted } from "../base/runtime.ts";
import { type By, byOf, cancelText } from "../protocol/by.ts";
import { TaskCancelled } from "../protocol/errors.ts";

/** Whoever may not ask for it is somewhere. */
const HOST = hostNameIfGranted() ?? "somewhere";

/** Whose task it is, or who stops another's. */
export interface Party {
  readonly username: string;
  readonly session: string;
}

export function thisClient({ username, session }: Party, reason: unknown): By {
  const { process } = globalThis as { process?: typeof import("node:process") };
  const pid = process?.pid === undefined ? `session ${session}` : `pid ${process.pid}`;
  return byOf(`${username}@${HOST}, ${pid}`, textOf(reason));
}

/** The error of a task that this client ended by itself. */
export function cancelledHere(by: By, how: string, cause: unknown): TaskCancelled {
  return new TaskCancelled(cancelText(by, how), { by, cause });
}

/** The reason of an abort that nobody gave one says nothing. */
function textOf(reason: unknown): string {
  if (typeof reason === "string") return reason;
  if (!(reason instanceof Error)) return reason === undefined || reason === null ? "" : String(reason);
  return reason.name === "AbortError" ? "" : reason.message;
}
