/** What `deno task test:peer` makes of its arguments and of the suite's results. */
import assert from "node:assert/strict";
import { controllerCommand, planOf, runsOf } from "./peer_suite.ts";
import { resultsOf, tallyOf } from "./suite_results.ts";

const FLAKE = "test_magics.py::TestParallelMagics::test_cellpx_keyboard_interrupt_SIGKILL";

function suite(results: Record<string, { outcome: string; text?: string }>) {
  return resultsOf({ files: { test_magics: { results } } }, 0);
}

Deno.test("planOf() keeps its own arguments and passes the others on", () => {
  const plan = planOf([
    "--set",
    "cluster",
    "--curve",
    "--twice",
    "--compiled=/bin/x",
    "--out",
    "/tmp/o",
    "a.py",
  ]);
  assert.deepEqual(plan, {
    all: false,
    twice: true,
    compiled: "/bin/x",
    out: "/tmp/o",
    suite: ["--set", "cluster", "--curve", "a.py"],
  });
  assert.deepEqual(runsOf(plan), [plan.suite, plan.suite]);
});

Deno.test("runsOf() makes of all: both sets, with and without CURVE", () => {
  const runs = [["--set", "peer", "-v"], ["--set", "peer", "--curve", "-v"]];
  assert.deepEqual(runsOf(planOf(["--all", "-v"])), runs);
  assert.deepEqual(runsOf(planOf(["--all", "--twice", "-v"])), [...runs, ...runs]);
  assert.throws(() => planOf(["--all", "--set", "core"]), /Cannot choose "--set" of all/);
  assert.throws(() => planOf(["--compiled"]), /without a value/);
});

Deno.test("controllerCommand() is quoted as a shell wants it", () => {
  assert.equal(controllerCommand("/a b/it's"), `'/a b/it'"'"'s' controller`);
  assert.match(controllerCommand(undefined), /main\.ts controller$/);
});

Deno.test("tallyOf() forgives the known flake once, and only as it is known", () => {
  const known = { outcome: "failed", text: "teardown: E   KeyError: 3" };
  const first = suite({ [FLAKE]: known, other: { outcome: "passed" } });
  assert.equal(first.knownFlake, FLAKE);
  const passed = suite({ [FLAKE]: { outcome: "passed" } });
  assert.deepEqual(tallyOf({ first, again: passed }, false).failed, 0);
  assert.deepEqual(tallyOf({ first, again: passed }, false).passed, 2);
  assert.deepEqual(tallyOf({ first, again: suite({ [FLAKE]: known }) }, false).failed, 1);
  assert.equal(suite({ [FLAKE]: { outcome: "failed", text: "E   AssertionError" } }).knownFlake, undefined);
  assert.equal(suite({ "test_magics.py::T::other": known }).knownFlake, undefined);
});

Deno.test("tallyOf() counts what is skipped without need where nothing may be", () => {
  const first = suite({
    a: { outcome: "skipped", text: "Skipped: ordering issues in ipykernel 7" },
    b: { outcome: "skipped", text: "Skipped: Test requires numpy" },
    c: { outcome: "passed" },
  });
  const count = (noSkip: boolean) => {
    const { passed, failed, skipped } = tallyOf({ first }, noSkip);
    return [passed, failed, skipped];
  };
  assert.deepEqual(count(false), [1, 0, 2]);
  assert.deepEqual(count(true), [1, 1, 1]);
});

Deno.test("tallyOf() counts a run without results, or that failed in no test, as a failure", () => {
  assert.equal(tallyOf({ first: undefined }, false).failed, 1);
  assert.equal(tallyOf({ first: { ...suite({}), code: 1 } }, false).failed, 1);
});
