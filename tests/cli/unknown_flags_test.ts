/** Flags that nobody knows: named in one warning, as ipcontroller does; slips of our own are refused, with the right word. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { withoutUnknown } from "../../src/cli/unknown_flags.ts";
import { RunFolder } from "./run_folder.ts";
import { tsparallel } from "./tsparallel.ts";

Deno.test("unknown flags go with their values, known ones and slips of them stay", () => {
  const command = new Command().option("--scheme <word>").option("--reuse").option("-n, --n <count>").option(
    "--ip <host>",
  );
  const cases: readonly (readonly [string, string, string])[] = [
    ["--foo 3 --reuse", "--reuse", "--foo"],
    ["--foo=3 --bar --scheme lru", "--scheme lru", "--foo --bar"],
    ["--scheme --foo", "--scheme", "--foo"],
    ["--zork -1 -n 2 --ip=x", "-n 2 --ip=x", "--zork"],
    ["--shceme=lru --resue", "--shceme=lru --resue", ""],
    ["--foo -- --foo", "-- --foo", "--foo"],
    ["--help -h word", "--help -h word", ""],
    ["--bp 1", "--bp 1", ""],
  ];
  for (const [given, kept, unknown] of cases) {
    const found = withoutUnknown(given.split(" "), command);
    assert.deepEqual([found.args.join(" "), found.unknown.join(" ")], [kept, unknown], given);
  }
});

Deno.test("a controller warns of unknown flags and traits, and runs", async () => {
  await using folder = new RunFolder();
  const unknown = ["--frobnicate", "--colour=red", "--IPController.nope=1", "--Nobody.knows", "3"];
  await folder.start("controller", ["controller", ...unknown, "--nodb"]);
  await folder.says("controller", /Hub ready/);
  assert.match(
    folder.said("controller"),
    /warn .*settings of ipcontroller have no counterpart here and are ignored: --IPController\.nope, --Nobody\.knows, --frobnicate, --colour/,
  );
});

Deno.test("--help-all names every setting that can be given, with class, flag and default", async () => {
  const controller = await tsparallel(["controller", "--help-all"]);
  assert.equal(controller.code, 0, controller.err);
  assert.match(controller.out, /Usage: tsparallel controller/);
  assert.match(
    controller.out,
    /HeartMonitor options\n-+\n--HeartMonitor\.period=<ms>\n {4}.*\n {4}Equivalent to: \[--ping-ms\]\n {4}Default: 3000/,
  );
  assert.match(controller.out, /--IPController\.registration_timeout=<seconds>/);
  assert.match(controller.out, /--DictDB\.cull_fraction\n {4}Has no effect; may be 0\.1/);
  const engine = await tsparallel(["engine", "--help-all"]);
  assert.match(engine.out, /--IPEngine\.timeout=<seconds>\n.*\n.*--timeout-ms\]\n {4}Default: 5\n/);
});
