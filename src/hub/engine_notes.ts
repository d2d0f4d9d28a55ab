/**
 * What is remembered of engines of ours for ever: under which walls and with which permissions their tasks ran. A record names its engine, and
 * has from its note what it does not state itself.
 */
import type { Offer } from "../protocol/task_asks.ts";
import { offerJson } from "../protocol/task_asks.ts";
import { isObject } from "./query_match.ts";
import type { EngineCard } from "./registry.ts";

/** As it is stored: plain JSON. */
export interface EngineNote {
  readonly host: string;
  readonly pid: number;
  readonly sandbox: string;
  readonly isolation: string;
  /** The ceiling: what a task gets that asks for nothing. */
  readonly permissions: Readonly<Record<string, unknown>>;
  readonly sets: Readonly<Record<string, unknown>>;
}

/** Notes that stores keep in memory, at most. */
export const MAX_NOTES = 10_000;

/** The note of an engine that has registered. */
export function noteOf({ host, pid, sandbox, offer }: EngineCard): EngineNote {
  return { host, pid, sandbox, ...offerParts(offer) };
}

/** An offer as status and notes have it. */
export function offerParts(offer: Offer): Pick<EngineNote, "isolation" | "permissions" | "sets"> {
  const { ceiling, sets, isolation } = offerJson(offer);
  return { isolation: String(isolation), permissions: { ...ceiling as object }, sets: { ...sets as object } };
}

/** A note as it was stored; null if it is none. */
export function readNote(text: unknown): EngineNote | null {
  if (typeof text !== "string") return null;
  const note: unknown = JSON.parse(text);
  return isObject(note) && isObject(note["permissions"]) && isObject(note["sets"])
    ? note as unknown as EngineNote
    : null;
}

/** What a record knows beside its engine. */
interface RecordParts {
  /** Of the task, as it was submitted. */
  readonly tail: Readonly<Record<string, unknown>>;
  /** Of its result, null while there is none. */
  readonly resultTail: Readonly<Record<string, unknown>> | null;
  readonly note: EngineNote | null;
}

/** What the task may do, or might: null where that is not known, or it was refused for it. */
export function permissionsOf({ tail, resultTail, note }: RecordParts): unknown {
  if (resultTail?.["denied"] !== undefined) return null;
  const told = resultTail?.["permissions"];
  if (told !== undefined) return told;
  if (note === null) return null;
  const asked = tail["permissions"];
  if (asked === undefined || asked === null) return note.permissions;
  if (asked === "none") return {};
  if (typeof asked !== "string") return asked;
  return Object.hasOwn(note.sets, asked) ? note.sets[asked] : null;
}

/** What is new for the task. */
export function isolationOf({ tail, resultTail, note }: RecordParts): unknown {
  if (note === null) return null;
  return resultTail?.["isolation"] ?? tail["isolation"] ?? note.isolation;
}
