import assert from "node:assert/strict";
import { play } from "./scenario.ts";

const FOLDER = new URL("../scenarios/scheduler/", import.meta.url);

for (const entry of Deno.readDirSync(FOLDER)) {
  Deno.test(`scheduler core: scenario ${entry.name}`, () => {
    const file = new URL(entry.name, FOLDER);
    const text = Deno.readTextFileSync(file);
    const played = play(text);
    if (Deno.env.get("SCENARIOS") === "rewrite") Deno.writeTextFileSync(file, played);
    else assert.equal(played, text);
  });
}
