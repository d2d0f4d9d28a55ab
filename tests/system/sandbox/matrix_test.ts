/**
 * The escape suite. A part of it with the other tests; `deno task test:sandbox` runs all states in both builds.
 */
import assert from "node:assert/strict";
import {
  compiledCommand,
  ignore as cannotCompile,
  why as compiledNeeds,
} from "../../engine/compiled_slot.ts";
import { beside, type Build, denied, granted, SOURCE, stateName, STATES } from "./matrix.ts";
import { Outside } from "./outside.ts";
import type { Switches } from "./way.ts";
import { CATEGORIES } from "./ways/all.ts";

const COMPILED: Build = { name: "compiled", command: compiledCommand };
const isWhole = Deno.env.get("TSPARALLEL_ESCAPES") === "all";
const WAYS = CATEGORIES.flatMap(({ ways }) => ways);

/** What says most: everything up, everything down, and each half of the walls alone. */
const PART = ["deno and seccomp and landlock", "deno", "seccomp and landlock", "no wall"];
const FEW = ["deno and seccomp and landlock", "seccomp and landlock"];

function statesOf(names: readonly string[]): readonly Switches[] {
  return isWhole ? STATES : STATES.filter((walls) => names.includes(stateName(walls)));
}

for (const build of [SOURCE, COMPILED]) {
  const isSource = build === SOURCE;
  const ignore = !isSource && cannotCompile;
  const needs = isSource ? "" : compiledNeeds;
  for (const walls of statesOf(isSource ? PART : FEW)) {
    Deno.test({
      name: `sandbox, ${build.name}, nothing granted, ${
        stateName(walls)
      }: the wall that should answers each way${needs}`,
      ignore,
      fn: () =>
        withOutside((outside) => {
          assert.deepEqual(denied(WAYS, build, walls, outside), []);
          assert.ok(outside.isVictimWell);
          if (walls.deno || walls.seccomp) assert.equal(outside.hits, 0, "a server was reached");
        }),
    });
  }
  Deno.test({
    name: `sandbox, ${build.name}, other things granted: no way gets through${needs}`,
    ignore,
    fn: () => withOutside((outside) => assert.deepEqual(beside(WAYS, build, outside), [])),
  });
  for (const walls of statesOf(FEW.slice(0, 1))) {
    Deno.test({
      name: `sandbox, ${build.name}, granted, ${stateName(walls)}: the same code works${needs}`,
      ignore,
      fn: () => withOutside((outside) => assert.deepEqual(granted(WAYS, build, walls, outside), [])),
    });
  }
}

async function withOutside(run: (outside: Outside) => void): Promise<void> {
  using outside = await Outside.open();
  run(outside);
}
