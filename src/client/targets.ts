/**
 * Which engines a direct view means.
 */
import { NoEnginesRegistered } from "../protocol/errors.ts";
import type { Engine, Engines } from "./engines.ts";

/** Places in the list of registered ids, as an array's slice: `{ from: 0, to: 4, step: 2 }`. */
export interface EngineRange {
  /** Default 0; negative counts from the end. */
  readonly from?: number | undefined;
  /** Not included. Default: to the end. */
  readonly to?: number | undefined;
  /** Default 1. */
  readonly step?: number | undefined;
}

/** One engine's id, several, all that are registered when a call is made, any one of them, or a range. */
export type Targets = number | readonly number[] | "all" | "any" | EngineRange;

/**
 * The engines that a call goes to, in order.
 * @throws NoEnginesRegistered, RangeError naming an unknown id and the known ones
 */
export function resolveTargets(engines: Engines, targets: Targets): Engine[] {
  const ids = idsOf(engines.ids, targets);
  if (ids.length === 0) {
    if (engines.ids.length === 0) throw new NoEnginesRegistered();
    throw new RangeError(
      `Cannot use targets ${JSON.stringify(targets)}: they name no engine of ${listed(engines.ids)}`,
    );
  }
  return ids.map((id) => known(engines, id));
}

/** Checks that there are engines of these ids. */
export function checkIds(engines: Engines, ids: readonly number[]): void {
  for (const id of ids) known(engines, id);
}

/** Checks that engines are named, and that they are there. */
export function checkSome(engines: Engines, ids: readonly number[]): void {
  if (ids.length > 0) return checkIds(engines, ids);
  throw new RangeError("Cannot use targets []: they name no engine; leave them out for all engines");
}

/** @throws TypeError for what can name no engines */
export function checkTargets(targets: unknown): void {
  if (typeof targets === "number" || Array.isArray(targets)) return;
  if (targets === "all" || targets === "any") return;
  if (typeof targets === "object" && targets !== null) return;
  throw new TypeError(
    `Cannot use targets ${
      JSON.stringify(targets) ?? String(targets)
    }: they are an id, a list of ids, "all", "any" or a range as { from, to, step }`,
  );
}

function idsOf(known: readonly number[], targets: Targets): readonly number[] {
  if (typeof targets === "number") return [targets];
  if (targets === "all") return known;
  if (targets === "any") {
    const id = known[Math.floor(Math.random() * known.length)];
    return id === undefined ? [] : [id];
  }
  if (isList(targets)) return targets;
  const { from, to, step = 1 } = targets;
  if (!Number.isInteger(step) || step < 1) {
    throw new RangeError(`Cannot use a step of ${step}: it takes 1 or more`);
  }
  return known.slice(from, to).filter((_, i) => i % step === 0);
}

function isList(targets: Targets): targets is readonly number[] {
  return Array.isArray(targets);
}

function known(engines: Engines, id: number): Engine {
  const engine = engines.get(id);
  if (engine !== undefined) return engine;
  if (engines.ids.length === 0) {
    throw new NoEnginesRegistered(`Cannot use engine ${id}: no engines are registered`);
  }
  const gone = engines.uuidOf(id) === null ? "" : "it is gone; ";
  throw new RangeError(`Cannot use engine ${id}: ${gone}the registered ones are ${listed(engines.ids)}`);
}

function listed(ids: readonly number[]): string {
  return ids.length <= 20 ? ids.join(", ") : `${ids.slice(0, 20).join(", ")} and ${ids.length - 20} more`;
}
