/**
 * `deno task test:peer`: ipyparallel's own tests, with its client and engines, on our controller. They are run by the peer suite of the
 * folder that TSPARALLEL_TOOLS names, with the Python of TSPARALLEL_PYTHON or a scratch environment of the pinned packages.
 *
 *     deno task test:peer                            the set "core", from source, without CURVE
 *     deno task test:peer --set cluster --curve      options and files go to the suite: --set, --curve, --ip, -k, test_view.py …
 *     deno task test:peer --all [--twice]            core and cluster, with and without CURVE
 *     deno task test:peer --compiled dist/tsparallel …
 *     deno task test:peer --out DIR …                keeps logs and results; else they are kept if something failed
 */

import { resolve } from "node:path";
import { programCommand } from "../../src/cluster/process.ts";
import { makePython, PYTHON } from "./python.ts";
import { readResults, type SuiteResults, tallyOf, type Verdict } from "./suite_results.ts";

/** The task's own arguments, and those that go on to the suite. */
export interface Plan {
  readonly all: boolean;
  readonly twice: boolean;
  readonly compiled: string | undefined;
  readonly out: string | undefined;
  readonly suite: readonly string[];
}

/** Where and with what the suite runs. */
interface Place {
  readonly tools: string;
  readonly python: string;
  readonly controller: string;
  readonly out: string;
}

/**
 * Reads the task's arguments.
 * @throws TypeError if one lacks its value, or `--all` stands with a choice of tests
 */
export function planOf(args: readonly string[]): Plan {
  const suite: string[] = [], words = [...args];
  let [all, twice] = [false, false];
  const named: Record<string, string> = {};
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, name, value] = /^--(compiled|out)(?:=(.*))?$/.exec(word) ?? [];
    if (name !== undefined) named[name] = resolve(value ?? words.shift() ?? missing(word));
    else if (word === "--all") all = true;
    else if (word === "--twice") twice = true;
    else suite.push(word);
  }
  const choice = suite.find((word) => !word.startsWith("-") || /^--(set|curve)\b/.test(word));
  if (all && choice !== undefined) {
    throw new TypeError(`Cannot choose "${choice}" of all: leave one of both out`);
  }
  return { all, twice, compiled: named.compiled, out: named.out, suite };
}

function missing(word: string): never {
  throw new TypeError(`Cannot use "${word}" without a value`);
}

/** The suite's argument lists, one for each run. */
export function runsOf({ all, twice, suite }: Plan): string[][] {
  const sets = all ? [["--set", "peer"], ["--set", "peer", "--curve"]] : [[]];
  return (twice ? [...sets, ...sets] : sets).map((set) => [...set, ...suite]);
}

/** The controller's command line, as a shell would split it. */
export function controllerCommand(compiled: string | undefined): string {
  const { command, args } = compiled === undefined ? programCommand() : { command: compiled, args: [] };
  return [command, ...args, "controller"].map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

async function main(args: readonly string[]): Promise<number> {
  const plan = planOf(args);
  const tools = Deno.env.get("TSPARALLEL_TOOLS");
  if (tools === undefined || tools === "") {
    console.error(
      "Cannot run ipyparallel's tests: TSPARALLEL_TOOLS names no folder with a peer_suite/ in it",
    );
    console.log("0 passed, 1 failed, 0 skipped");
    return 1;
  }
  const scratch = await Deno.makeTempDir({ prefix: "tsparallel-python-" });
  const out = plan.out ?? await Deno.makeTempDir({ prefix: "tsparallel-peers-" });
  try {
    const python = PYTHON ?? await makePython(scratch);
    const code = await runAll(runsOf(plan), {
      tools,
      python,
      controller: controllerCommand(plan.compiled),
      out,
    });
    if (code === 0 && plan.out === undefined) await Deno.remove(out, { recursive: true });
    return code;
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function runAll(runs: readonly (readonly string[])[], place: Place): Promise<number> {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [i, args] of runs.entries()) {
    const out = runs.length === 1 ? place.out : `${place.out}/run${i + 1}`;
    if (runs.length > 1) console.log(`\n== run ${i + 1} of ${runs.length}: ${args.join(" ")}`);
    const tally = tallyOf(await verdictOf(args, { ...place, out }), noSkip());
    sum.passed += tally.passed;
    sum.failed += tally.failed;
    sum.skipped += tally.skipped;
    for (const line of tally.complaints) console.log(line);
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

/** Runs the suite once, and the one test that may be repeated once more if it failed as it is known to. */
async function verdictOf(args: readonly string[], place: Place): Promise<Verdict> {
  const first = await runSuite(args, place);
  const flake = first?.knownFlake;
  if (first === undefined || flake === undefined) return { first };
  console.log(`\n== again, as its README allows: ${flake}`);
  const flags = args.includes("--curve") ? ["--curve"] : [];
  return { first, again: await runSuite([...flags, flake], { ...place, out: `${place.out}/again` }) };
}

async function runSuite(args: readonly string[], place: Place): Promise<SuiteResults | undefined> {
  const status = await new Deno.Command("bash", {
    args: [
      `${place.tools}/peer_suite/run_peer_suite.sh`,
      "--controller",
      place.controller,
      "--out",
      place.out,
      ...args,
    ],
    env: { PYTHON: place.python },
    stdin: "null",
  }).spawn().status;
  return readResults(`${place.out}/results.json`, status.code);
}

function noSkip(): boolean {
  return Deno.env.get("TSPARALLEL_NO_SKIP") === "1";
}

if (import.meta.main) Deno.exit(await main(Deno.args));
