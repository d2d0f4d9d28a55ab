/**
 * How parts of a cluster are described to launchers, told apart and waited for.
 */
import type { ClusterPlace, Job, Part, SavedPart } from "./launcher.ts";
import type { ClusterOptions } from "./options.ts";
import { controllerProgram, engineProgram } from "./program.ts";

/** The controller, for a launcher. */
export function controllerJob(place: ClusterPlace, options: ClusterOptions): Job {
  const program = controllerProgram({
    place,
    args: options.controllerArgs,
    command: options.controllerCommand,
  });
  return { kind: "controller", n: 0, set: "", place, program, environment: {} };
}

/** A set of engines, for a launcher. */
export function engineJob(
  place: ClusterPlace,
  options: ClusterOptions,
  what: Pick<Job, "n" | "set" | "environment">,
): Job {
  const program = engineProgram({ place, args: options.engineArgs, command: options.engineCommand });
  return { kind: "engines", place, program, ...what };
}

/** Both parts, or an error and neither. */
export async function bothOrNone(
  first: Promise<Part>,
  second: Promise<Part>,
  patienceMs: number,
): Promise<[Part, Part]> {
  const [one, other] = await Promise.allSettled([first, second]);
  if (one.status === "fulfilled" && other.status === "fulfilled") return [one.value, other.value];
  for (const started of [other, one]) {
    if (started.status === "fulfilled") await started.value.stop(patienceMs);
  }
  throw one.status === "rejected" ? one.reason : other.status === "rejected" ? other.reason : undefined;
}

/** Who ended first; null if nobody did in so long. */
export async function firstEnd(
  parts: readonly Part[],
  timeoutMs: number,
): Promise<{ readonly part: Part; readonly how: string } | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), timeoutMs));
  try {
    return await Promise.race([late, ...parts.map(async (part) => ({ part, how: await part.ended }))]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether two descriptions mean one part. */
export function isSame(one: SavedPart | undefined, other: SavedPart): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The first number that is no set's id. */
export function nextId(ids: Iterable<string>): string {
  const taken = new Set(ids);
  for (let id = taken.size;; id++) if (!taken.has(String(id))) return String(id);
}
