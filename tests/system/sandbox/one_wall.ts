/**
 * Which ways rest on one wall only, from the table: what SECURITY.md must list. Printed by
 * `deno run -A tests/system/sandbox/one_wall.ts`.
 */
import { holders, type Wall, type Way } from "./way.ts";
import { CATEGORIES } from "./ways/all.ts";

const WORDS: Readonly<Record<Wall, string>> = {
  deno: "Deno's permissions alone",
  seccomp: "the system-call filter alone",
  landlock: "Landlock alone",
};

/** Lines of SECURITY.md: a category, what holds it, and the ways. */
export function oneWallLines(): string[] {
  return CATEGORIES.flatMap(({ title, ways }) => {
    const groups = new Map<string, string[]>();
    for (const way of ways) {
      for (const held of heldBy(way)) groups.set(held, [...(groups.get(held) ?? []), way.name]);
    }
    return [...groups].map(([held, names]) => `- ${title}, ${held}: ${names.join(", ")}`);
  });
}

function heldBy(way: Way): string[] {
  const source = way.only === "compiled" ? undefined : wordsOf(way, false);
  const compiled = way.only === "source" ? undefined : wordsOf(way, true);
  if (source === compiled) return source === undefined ? [] : [source];
  return [
    ...(source === undefined ? [] : [way.only === "source" ? source : `${source} (from source)`]),
    ...(compiled === undefined ? [] : [`${compiled} (compiled)`]),
  ];
}

/** Undefined where two walls hold it, or it leads nowhere whatever stands. */
function wordsOf(way: Way, isCompiled: boolean): string | undefined {
  const said = isCompiled && way.compiled !== undefined ? way.compiled : way;
  if (said.always !== undefined) return undefined;
  const [first, ...others] = holders(way, isCompiled);
  if (first === undefined) return "no wall";
  return others.length === 0 ? WORDS[first] : undefined;
}

if (import.meta.main) { for (const line of oneWallLines()) console.log(line); }
