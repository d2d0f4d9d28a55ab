/**
 * Prints where the matrix is not as the table says, for whoever adds ways:
 * `deno run -A --unstable-worker-options tests/system/sandbox/survey.ts denied|granted [part of a category's name]`; SLOT names a compiled program.
 */
import { denied, granted, SOURCE, stateName, STATES } from "./matrix.ts";
import { Outside } from "./outside.ts";
import { CATEGORIES } from "./ways/all.ts";

const program = Deno.env.get("SLOT");
const build = program === undefined
  ? SOURCE
  : { name: "compiled" as const, command: () => [program, "slot-child"] };
const [column = "denied", part = ""] = Deno.args;
const run = column === "denied" ? denied : granted;
using outside = await Outside.open();
const began = performance.now();
for (const walls of STATES) {
  for (const { title, ways } of CATEGORIES) {
    if (!title.includes(part)) continue;
    for (const line of run(ways, build, walls, outside)) {
      console.log(`${stateName(walls)} | ${title} | ${line}`);
    }
  }
}
console.log(`${Math.round(performance.now() - began)} ms, ${outside.hits} hits`);
Deno.exit(0);
