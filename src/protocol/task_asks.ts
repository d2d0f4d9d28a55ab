/**
 * What a task asks for beside its function: permissions and isolation, as its tail has them (PROTOCOL.md, "Tails"); and the one sentence with
 * which scheduler and engines refuse it. Pure.
 */
import {
  describe,
  type Excess,
  excess,
  excessText,
  NO_PERMISSIONS,
  type PermissionSet,
  type ReadRequest,
  readRequest,
  readSet,
  setFor,
  toJson,
} from "./permissions.ts";

/** What is new for each task: nothing, a Worker, a process. */
export type Isolation = "shared" | "worker" | "process";

/** From loose to strict. */
export const ISOLATION_LEVELS = ["shared", "worker", "process"] as const satisfies readonly Isolation[];

/** What a task asks for; null: what the engine gives by itself. */
export interface TaskAsk {
  readonly permissions: ReadRequest | null;
  readonly isolation: Isolation | null;
}

/** What an engine has told about what its tasks may get. */
export interface Offer {
  readonly ceiling: PermissionSet;
  readonly sets: Readonly<Record<string, PermissionSet>>;
  readonly isolation: Isolation;
}

/** The offer of an engine that says nothing about it. */
export const NO_OFFER: Offer = { ceiling: NO_PERMISSIONS, sets: {}, isolation: "shared" };

/** An offer as engines, hub and scheduler tell it each other. */
export function offerJson({ ceiling, sets, isolation }: Offer): Record<string, unknown> {
  const named = Object.fromEntries(Object.entries(sets).map(([name, set]) => [name, toJson(set)]));
  return { ceiling: toJson(ceiling), sets: named, isolation };
}

/** Reads an offer. @throws TypeError naming the key */
export function readOffer(value: unknown): Offer {
  if (typeof value !== "object" || value === null) return NO_OFFER;
  const { ceiling = {}, sets = {}, isolation = "shared" }: {
    ceiling?: unknown;
    sets?: unknown;
    isolation?: unknown;
  } = value;
  if (typeof sets !== "object" || sets === null) throw new TypeError(`Cannot read "permissions.sets"`);
  const named = Object.entries(sets).map(([name, set]): [string, PermissionSet] => [
    name,
    readSet(set, `permissions.sets.${name}`),
  ]);
  return {
    ceiling: readSet(ceiling, "permissions.ceiling"),
    sets: Object.fromEntries(named),
    isolation: readIsolation(isolation, "permissions.isolation"),
  };
}

/** Why a task cannot be run somewhere. */
export type Refusal =
  | { readonly kind: "permission"; readonly excess: Excess }
  | { readonly kind: "set"; readonly name: string }
  | { readonly kind: "isolation"; readonly isolation: Isolation };

/**
 * Reads what a task's tail asks for; null if that is nothing.
 * @throws TypeError naming the key
 */
export function readAsk(tail: unknown): TaskAsk | null {
  if (typeof tail !== "object" || tail === null) return null;
  const { permissions, isolation }: { permissions?: unknown; isolation?: unknown } = tail;
  if (isMissing(permissions) && isMissing(isolation)) return null;
  return {
    permissions: isMissing(permissions) ? null : readRequest(permissions, "permissions"),
    isolation: isMissing(isolation) ? null : readIsolation(isolation, "isolation"),
  };
}

function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** @throws TypeError */
export function readIsolation(value: unknown, where: string): Isolation {
  const found = ISOLATION_LEVELS.find((level) => level === value);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot use ${JSON.stringify(value) ?? String(value)} for "${where}": it takes ${
      ISOLATION_LEVELS.join(", ")
    }`,
  );
}

/** Why what a task asks for is not on offer, null if it is. A task may ask for more isolation than the engine has, never for less. */
export function refusalOf(ask: TaskAsk, offer: Offer): Refusal | null {
  const { permissions, isolation } = ask;
  if (isolation !== null && levelOf(isolation) < levelOf(offer.isolation)) {
    return { kind: "isolation", isolation };
  }
  if (permissions === null) return null;
  const set = setFor(permissions, offer.sets);
  if (set === undefined) return { kind: "set", name: String(permissions) };
  const [first] = excess(set, offer.ceiling);
  return first === undefined ? null : { kind: "permission", excess: first };
}

function levelOf(isolation: Isolation): number {
  return ISOLATION_LEVELS.indexOf(isolation);
}

/** What was refused, as `PermissionDenied` and the wire tell it. `where` is who refused it. */
export interface Denied {
  readonly permission: string;
  readonly value: string;
  readonly where: string;
}

/** The error's fields. */
export function deniedOf(refusal: Refusal, where: string): Denied {
  switch (refusal.kind) {
    case "permission":
      return { ...refusal.excess, where };
    case "set":
      return { permission: "permissions", value: refusal.name, where };
    case "isolation":
      return { permission: "isolation", value: refusal.isolation, where };
  }
}

/** What is asked for, in a sentence. */
export function refusedText(refusal: Refusal): string {
  switch (refusal.kind) {
    case "permission":
      return excessText(refusal.excess);
    case "set":
      return `the permission set "${refusal.name}"`;
    case "isolation":
      return `isolation "${refusal.isolation}"`;
  }
}

/** An engine's offer in a few words, as it stands behind what was refused. */
export function offerText(refusal: Refusal, offer: Offer): string {
  switch (refusal.kind) {
    case "permission":
      return describe(offer.ceiling);
    case "set": {
      const names = Object.keys(offer.sets).map((name) => `"${name}"`).join(", ");
      return names === "" ? "no sets" : names;
    }
    case "isolation":
      return offer.isolation;
  }
}
