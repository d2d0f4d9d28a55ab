/** Prints what answered to each way in each state, where that is not what the table says: for whoever adds ways. */
import { childCommand } from "../../../src/engine/slot.ts";
import { Outside } from "./outside.ts";
import { tryWays } from "./runner.ts";
import { expectedAnswer, type Switches } from "./way.ts";
import { CATEGORIES } from "./ways/all.ts";

const program = Deno.env.get("SLOT");
const command = program === undefined ? childCommand() : [program, "slot-child"];
const isCompiled = program !== undefined;
const [titles = "", only = ""] = Deno.args;
using outside = await Outside.open();
const began = performance.now();
let count = 0, wrong = 0;
for (let state = 0; state < 8; state++) {
  const walls: Switches = { deno: (state & 4) > 0, landlock: (state & 2) > 0, seccomp: (state & 1) > 0 };
  const up = Object.entries(walls).filter(([, isUp]) => isUp).map(([wall]) => wall).join("+") || "none";
  for (const { title, ways } of CATEGORIES) {
    if (!title.includes(titles)) continue;
    const chosen = ways.filter((way) => way.name.includes(only) && way.only !== (isCompiled ? "source" : "compiled"));
    const { attempts } = tryWays(chosen, outside, { command, walls });
    for (const { way, answer, said, harm } of attempts) {
      const expected = expectedAnswer(way, walls, isCompiled);
      count++;
      if (answer === expected && harm === undefined) continue;
      wrong++;
      console.log(`${up} | ${title} | ${way.name}: ${answer}, not ${expected} | ${said.slice(0, 160)} ${harm ?? ""}`);
    }
  }
}
console.log(`${count} cells, ${wrong} not as the table says, ${Math.round(performance.now() - began)} ms, hits ${outside.hits}`);
Deno.exit(0);
