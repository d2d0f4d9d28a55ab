/**
 * The matrix: ways × {denied, granted} × states of the three switches × how the program runs. Denied, each cell asserts which wall answered
 * and that nothing changed outside; granted, that the same code works.
 */
import { childCommand } from "../../../src/engine/slot_start.ts";
import type { Outside } from "./outside.ts";
import { type Attempt, tryWays } from "./runner.ts";
import { expectedAnswer, type Grantable, type Switches, WALLS, type Way } from "./way.ts";

/** How the child is started. */
export interface Build {
  readonly name: "source" | "compiled";
  readonly command: () => readonly string[];
}

export const SOURCE: Build = { name: "source", command: childCommand };

/** The eight states, all walls up first. */
export const STATES: readonly Switches[] = [7, 6, 5, 3, 4, 2, 1, 0].map((bits) => ({
  deno: (bits & 4) > 0,
  landlock: (bits & 2) > 0,
  seccomp: (bits & 1) > 0,
}));

export function stateName(walls: Switches): string {
  return WALLS.filter((wall) => walls[wall]).join(" and ") || "no wall";
}

/** The ways that there are in a build. */
export function waysOf(ways: readonly Way[], build: Build): Way[] {
  return ways.filter(({ only }) => only === undefined || only === build.name);
}

/** What is not as the table says, as sentences: nothing granted. */
export function denied(ways: readonly Way[], build: Build, walls: Switches, outside: Outside): string[] {
  const isCompiled = build.name === "compiled";
  const state = { command: build.command(), walls, isCompiled };
  const { attempts } = tryWays(waysOf(ways, build), outside, state);
  return attempts.flatMap((attempt) => {
    const expected = expectedAnswer(attempt.way, walls, isCompiled);
    const isHarmed = attempt.harm !== undefined && !isAllowedHarm(attempt.way, walls, isCompiled);
    return attempt.answer === expected && !isHarmed ? [] : [sentence(attempt, expected)];
  });
}

/** Whether what stands stops the way only after it has begun. */
function isAllowedHarm(way: Way, walls: Switches, isCompiled: boolean): boolean {
  if (expectedAnswer(way, { ...walls, [way.inPart ?? ""]: false }, isCompiled) === "open") return true;
  return way.always !== undefined && expectedAnswer(way, walls, isCompiled) === way.always;
}

/** What does not work although it is granted, as sentences. */
export function granted(ways: readonly Way[], build: Build, walls: Switches, outside: Outside): string[] {
  const isCompiled = build.name === "compiled";
  const groups = Map.groupBy(
    waysOf(ways, build).filter(({ grant, compiled }) =>
      grant !== undefined && !(isCompiled && (grant.import || compiled?.always))
    ),
    ({ grant }) => JSON.stringify(grant),
  );
  return [...groups.values()].flatMap((group) => {
    const grant = group[0]!.grant as Grantable;
    const { attempts } = tryWays(group, outside, { command: build.command(), walls, isCompiled, grant });
    return attempts.filter(({ answer }) => answer !== "open").map((attempt) => sentence(attempt, "open"));
  });
}

/** A little of everything, none of which lets any way through. */
const BESIDE: Grantable = {
  read: ["/usr/share/zoneinfo"],
  write: ["$scratch"],
  net: ["127.0.0.1:1"],
  env: ["NOBODY_ASKS_FOR_THIS"],
  sys: ["statfs"],
};

/** What gets through behind all walls although only other things were granted, as sentences. */
export function beside(ways: readonly Way[], build: Build, outside: Outside): string[] {
  const walls = { deno: true, landlock: true, seccomp: true }, isCompiled = build.name === "compiled";
  const state = { command: build.command(), walls, isCompiled, grant: BESIDE };
  const chosen = waysOf(ways, build).filter((way) =>
    (way.deno !== undefined || way.always !== undefined) &&
    expectedAnswer(way, walls, isCompiled) !== "open" &&
    way.name !== "node:fs statfs"
  );
  return tryWays(chosen, outside, state).attempts
    .filter(({ answer, harm }) => answer === "open" || harm !== undefined)
    .map((attempt) => sentence(attempt, "refused"));
}

function sentence({ way, answer, said, harm }: Attempt, expected: string): string {
  const what = answer === undefined ? "an error of no wall" : answer;
  return `${way.name}: ${what}, not ${expected} (${said.slice(0, 200)})${
    harm === undefined ? "" : `: ${harm}`
  }`;
}
