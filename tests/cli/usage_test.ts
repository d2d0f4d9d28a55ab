/** The command line's manners: help with examples everywhere, and a sentence with the nearest right word for every slip. */
import assert from "node:assert/strict";
import { VERSION } from "../../src/base/version.ts";
import { tsparallel } from "./tsparallel.ts";

const COMMANDS = [
  "controller",
  "hub",
  "scheduler",
  "engine",
  "cluster",
  "cluster start",
  "cluster stop",
  "cluster list",
  "cluster engines",
  "cluster engines add",
  "cluster logs",
  "cluster clean",
  "profile",
  "profile create",
  "config",
  "config show",
  "status",
  "exec",
  "keys",
  "demo",
];

Deno.test("the program's version is the project's", async () => {
  const project = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assert.equal(VERSION, project.version);
});

Deno.test("--version names the versions of all that matters", async () => {
  const said = await tsparallel(["--version"]);
  assert.equal(said.code, 0, said.err);
  assert.match(
    said.out,
    new RegExp(`^tsparallel ${VERSION} \\(deno ${Deno.version.deno}, zmq 4\\.\\d+\\.\\d+\\)\\n$`),
  );
});

Deno.test("--help of every command has examples and exit codes", async () => {
  for (const command of ["", ...COMMANDS]) {
    const said = await tsparallel([...command.split(" ").filter(Boolean), "--help"]);
    assert.equal(said.code, 0, `${command}: ${said.err}`);
    assert.match(said.out, /Usage: tsparallel/, command);
    assert.match(said.out, /Examples:\n {2}tsparallel/, command);
    assert.match(said.out, /Exit codes: 0 done/, command);
  }
});

const SLIPS: readonly (readonly [string, RegExp])[] = [
  ["contorller", /unknown command 'contorller'[^]*controller/],
  ["cluster strat", /unknown command 'strat'[^]*start/],
  ["controller --shceme lru", /unknown option '--shceme'[^]*--scheme/],
  ["controller --shceme=lru", /unknown option '--shceme=lru'[^]*--scheme/],
  ["controller --scheme leastlaod", /Cannot use "leastlaod" for "--scheme"[^]*did you mean "leastload"\?/],
  ["controller --ping soon", /Cannot use "soon" for "--ping": it takes a whole number \(ms\)/],
  ["controller --port 99999", /Cannot use "99999" for "--port": it takes 0 to 65535 \(port\)/],
  ["controller --log-level loud", /Cannot read log level "loud"/],
  ["config show --section clster", /Cannot use "clster" for "--section"[^]*did you mean "cluster"\?/],
  ["profile create x --from slrum", /Cannot find a shipped profile "slrum"[^]*did you mean "slurm"\?/],
  ["controller surplus", /too many arguments/],
  ["engine --engines 0", /Cannot use "0" for "--engines": it takes 1 to 1024/],
  ["engine --isolation proces", /did you mean "process"\?/],
  ["engine --memory-limit-mb lots", /Cannot use "lots" for "--memory-limit-mb"/],
  ["cluster start --engines slrum", /Cannot use "slrum" for "--engines"[^]*did you mean "slurm"\?/],
  ["cluster engines ad", /unknown command 'ad'[^]*add/],
  ["cluster engines add --luancher x", /unknown option '--luancher'[^]*--launcher/],
  ["cluster engines add many", /Cannot use "many" for "n"/],
  ["cluster start -n two", /Cannot use "two" for "--n"/],
  ["cluster start --profile a/b", /Cannot use profile "a\/b"/],
  ["cluster stop --cluster-id a/b", /Cannot use "a\/b" for "--cluster-id"/],
  ["status --jsno", /unknown option '--jsno'[^]*--json/],
];

Deno.test("a slip gets a sentence, the nearest right word, no stack, and exit code 2", async () => {
  const home = await Deno.makeTempDir();
  try {
    for (const [line, expected] of SLIPS) {
      const said = await tsparallel(line.split(" "), { IPYTHONDIR: home });
      assert.match(said.err, expected, line);
      assert.match(said.err, /^tsparallel: /, line);
      assert.doesNotMatch(said.err, /\n\s+at /, line);
      assert.equal(said.code, 2, `${line}: ${said.err}`);
    }
    assert.deepEqual([...Deno.readDirSync(home)], [], "nothing was made");
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a mistake in a profile names file, line and the nearest key", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/tsparallel.jsonc`, '{\n  "engine": { "memoryLimitMb": 3 }\n}');
    const said = await tsparallel(["engine", "--profile-dir", dir]);
    assert.equal(said.code, 2);
    assert.equal(
      said.err,
      `tsparallel: Cannot read profile ${dir}/tsparallel.jsonc:2: Unknown key "engine.memoryLimitMb", did you mean "memoryLimitMB"?\n`,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a folder that cannot be written gets a sentence", async () => {
  const said = await tsparallel(["cluster", "start", "-n", "1", "--profile-dir", "/dev/null/run"]);
  assert.equal(said.code, 1);
  assert.match(said.err, /^tsparallel: Cannot write in the run's folder "\/dev\/null\/run": /);
});

Deno.test("without a cluster, status, exec and stop say so with exit code 3", async () => {
  const home = await Deno.makeTempDir();
  try {
    for (const line of ["status", "exec 1", "cluster stop"]) {
      const said = await tsparallel(line.split(" "), { IPYTHONDIR: home });
      assert.equal(said.code, 3, `${line}: ${said.err}`);
      assert.doesNotMatch(said.err, /\n\s+at /, line);
    }
    const list = await tsparallel(["cluster", "list", "--json"], { IPYTHONDIR: home });
    assert.deepEqual([list.code, JSON.parse(list.out)], [0, []]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
