/**
 * Which hosts get how many engines.
 */
import { OptionError } from "../base/options.ts";

/** A host as a user wrote it. */
export interface Host {
  /** As ssh takes it: `node1`, `me@node1`, or a name of its config. */
  readonly name: string;
  /** Engines that the user wants there; null: its share. */
  readonly engines: number | null;
}

/**
 * `node1`, `me@node2=4`.
 * @throws OptionError for what is no host; a name that begins with a dash would be a flag of ssh's
 */
export function hostsOf(texts: readonly string[]): Host[] {
  const hosts = texts.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== "").map(hostOf);
  const twice = hosts.find(({ name }, at) => hosts.findIndex((host) => host.name === name) !== at);
  if (twice === undefined) return hosts;
  throw new OptionError(
    `Cannot use host "${twice.name}" twice: write how many engines it gets, like "${twice.name}=4"`,
  );
}

function hostOf(text: string): Host {
  const [, name, count] = /^([\w@.:%[\]-]+?)(?:=(\d+))?$/.exec(text) ?? [];
  if (name === undefined || name.startsWith("-")) {
    throw new OptionError(
      `Cannot use "${text}" as a host: it takes [user@]name, perhaps with a number of engines, like "node1=4"`,
    );
  }
  return { name, engines: count === undefined ? null : Number(count) };
}

/**
 * Divides engines among hosts: those with a number get it, the others share the rest evenly, the first ones one more.
 * @throws OptionError if the numbers do not come out
 */
export function dealOut(
  n: number,
  hosts: readonly Host[],
): readonly (readonly [host: string, engines: number])[] {
  const fixed = hosts.reduce((sum, { engines }) => sum + (engines ?? 0), 0);
  const free = hosts.filter(({ engines }) => engines === null).length;
  const rest = n - fixed;
  if (free === 0 && rest > 0) {
    // More than was written down, as when engines are added: the same hosts again, in the same proportion.
    return dealOut(n, hosts.map(({ name }) => ({ name, engines: null })));
  }
  let shared = Math.max(0, rest), sharers = free, left = n;
  return hosts.map(({ name, engines }) => {
    let count = engines ?? Math.ceil(shared / sharers--);
    if (engines === null) shared -= count;
    count = Math.min(count, left);
    left -= count;
    return [name, count] as const;
  }).filter(([_, count]) => count > 0);
}
