/** A part of the soak: `deno task test:soak` runs 10,000 hostile tasks. */
import assert from "node:assert/strict";
import { soak } from "./soak.ts";

Deno.test("hostile tasks end as they should, harm no honest one and leave nothing", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.log(`seed ${seed}`);
  const { hostile, honest } = await soak({ seed, tasks: 400, budgetMs: 60_000 });
  assert.ok(hostile > 20 && honest > 5, `${hostile} hostile tasks, ${honest} honest ones`);
});
