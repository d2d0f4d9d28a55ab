/**
 * Python's client on our engines, a row of what an engine must do at a time: behind our controller, and behind Python's own.
 * `python_rows/` holds the rows.
 */
import assert from "node:assert/strict";
import { RunFolder } from "../cli/run_folder.ts";
import { NEEDS_PYTHON, PYTHON, PythonPeers } from "./python_peers.ts";
import { pythonController } from "./python_peers.ts";
import { Run } from "./run.ts";

const PARTS = ["begin", "engine", "calls", "requests", "leaving"];
const ROWS = PARTS.map((part) => Deno.readTextFileSync(new URL(`python_rows/${part}.py`, import.meta.url)))
  .join("\n\n");

/** Runs the rows on a cluster that stands, each as a step. */
async function check(context: Deno.TestContext, folder: RunFolder, controller: "ours" | "python") {
  await using peers = new PythonPeers(folder);
  const lines = (await peers.run(ROWS, controller)).split("\n").filter((line) => line.startsWith('{"row"'));
  assert.ok(lines.length > 20, lines.join("\n"));
  for (const line of lines) {
    const { row, wrong } = JSON.parse(line) as { readonly row: string; readonly wrong: string | null };
    await context.step(row, () => assert.equal(wrong, null, String(wrong)));
  }
}

Deno.test({
  name: `Python's client on our engines, behind our controller ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn(context) {
    await using run = await Run.start({ n: 3, controllerArgs: ["--ping", "250"] });
    await check(context, run.folder, "ours");
  },
});

Deno.test({
  name: `Python's client on our engines, behind Python's controller ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn(context) {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(new RunFolder());
    await pythonController(stack, folder.dir);
    await folder.start("engines", ["engine", "--engines", "3"]);
    await check(context, folder, "python");
  },
});
