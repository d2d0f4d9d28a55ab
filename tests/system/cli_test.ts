/** Whole clusters by the command line, as users start, use, disturb and end them. */
import assert from "node:assert/strict";
import { hasEnded, isAlive } from "../../src/cluster/process.ts";
import { RunFolder, until } from "../cli/run_folder.ts";

const READY = /All engines are there/;

function clusterFile(folder: RunFolder, id = "") {
  return JSON.parse(Deno.readTextFileSync(`${folder.dir}/security/tsparallel-cluster-${id}.json`));
}

async function nothingIsLeft(folder: RunFolder): Promise<void> {
  await folder.isDeserted();
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
}

Deno.test("cluster start, status, exec and Ctrl-C", async (test) => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", ["cluster", "start", "-n", "2"]);
  await folder.says("cluster", READY);

  await test.step("the start says what users look for", () => {
    const said = folder.said("cluster");
    for (
      const expected of [
        /hub +listening on tcp:\/\/127\.0\.0\.1:\d+/,
        /database +SQLite/,
        /scheme +leastload/,
        /controller +local launcher, pid \d+/,
        /engines +2, local launcher, pid \d+/,
        new RegExp(`pid file +${folder.dir}/pid/ipcluster.pid`),
        new RegExp(`client file +${folder.dir}/security/ipcontroller-client.json`),
        new RegExp(`engine file +${folder.dir}/security/ipcontroller-engine.json`),
      ]
    ) assert.match(said, expected);
    assert.equal(Deno.statSync(`${folder.dir}/security/tsparallel-cluster-.json`).mode! & 0o777, 0o600);
  });

  await test.step("status lists engines, in text and JSON", async () => {
    const json = JSON.parse((await folder.run("status", "--json")).out);
    assert.deepEqual(json.engines.map((engine: { id: number }) => engine.id), [0, 1]);
    const { out, code } = await folder.run("status");
    assert.equal(code, 0);
    assert.match(out, /engines {4}2/);
    assert.match(out, /\n +0 .*tsparallel/);
  });

  await test.step("exec shows values, text and displays of each engine", async () => {
    const said = await folder.run(
      "exec",
      "const a = await Promise.resolve(20); console.log('hi'); a * 2 + 2",
    );
    assert.equal(said.code, 0, said.err);
    for (const line of ["[0] hi", "[1] hi", "[0] => 42", "[1] => 42"]) {
      assert(said.out.split("\n").includes(line), said.out);
    }
    const kept = await folder.run("exec", "a", "--targets", "1");
    assert.equal(kept.out, "[1] => 20\n");
  });

  await test.step("exec of a file, as JSON, with an error", async () => {
    await Deno.writeTextFile(
      `${folder.dir}/code.ts`,
      "const n: number = 1;\nconsole.error('bad');\nthrow new RangeError('too far');",
    );
    const said = await folder.run("exec", "--file", `${folder.dir}/code.ts`, "--targets", "0", "--json");
    assert.equal(said.code, 4, said.err);
    const { ok, results: [result] } = JSON.parse(said.out);
    assert.deepEqual([ok, result.engine, result.status, result.stderr], [false, 0, "error", "bad\n"]);
    assert.deepEqual([result.error.name, result.error.message.includes("too far")], ["RangeError", true]);
    const text = await folder.run("exec", "throw new TypeError('no')", "--targets", "0");
    assert.equal(text.code, 4);
    assert.match(text.err, /\[0\] [^]*TypeError: no/);
  });

  await test.step("exec shows text while the task runs, and Ctrl-C ends the task", async () => {
    const code = "console.log('begun'); while (true);";
    const exec = await folder.start("exec", ["exec", code, "--targets", "0"]);
    await folder.says("exec", /\[0\] begun/);
    Deno.kill(exec.id.pid, "SIGINT");
    assert.equal((await exec.ended).code, 130, folder.said("exec"));
    assert.equal((await folder.run("exec", "1", "--targets", "0")).code, 0);
  });

  await test.step("exec stops a task that runs too long", async () => {
    const said = await folder.run("exec", "while (true);", "--targets", "0", "--timeout", "200");
    assert.equal(said.code, 4);
    assert.match(said.err, /run time/);
  });

  await test.step("exec on an engine that is not there says so", async () => {
    const said = await folder.run("exec", "1", "--targets", "7");
    assert.equal(said.code, 2);
    assert.match(said.err, /engine 7/);
  });

  await test.step("cluster list has it, and a second start is refused", async () => {
    const list = JSON.parse((await folder.run("cluster", "list", "--json")).out);
    assert.deepEqual(list.map((one: { n: number; running: boolean }) => [one.n, one.running]), [[2, true]]);
    assert.match((await folder.run("cluster", "list")).out, /yes +2/);
    const second = await folder.run("cluster", "start", "-n", "1");
    assert.equal(second.code, 1);
    assert.match(second.err, new RegExp(`one runs already .* with pid ${cluster.id.pid}`));
    const controller = await folder.run("controller");
    assert.equal(controller.code, 1);
    assert.match(controller.err, new RegExp(`${clusterFile(folder).controller.handle[0].pid}`));
  });

  await test.step("Ctrl-C leaves no process and no file", async () => {
    Deno.kill(cluster.id.pid, "SIGINT");
    assert.deepEqual(await cluster.ended, { code: 0, signal: null });
    await nothingIsLeft(folder);
    assert.doesNotMatch(folder.said("cluster"), /\n\s+at /);
  });
});

Deno.test("cluster start --daemonize returns when the engines are there; cluster stop ends it", async () => {
  await using folder = new RunFolder();
  const start = await folder.run("cluster", "start", "-n", "1", "--daemonize", "--cluster-id", "night");
  assert.equal(start.code, 0, start.err);
  assert.match(start.out, READY);
  assert.deepEqual(folder.files("pid"), ["ipcluster-night.pid", "ipcontroller-night.pid"]);
  const exec = await folder.run("exec", "6 * 7", "--cluster-id", "night");
  assert.equal(exec.out, "[0] => 42\n", exec.err);
  const stop = await folder.run("cluster", "stop", "--cluster-id", "night");
  assert.equal(stop.code, 0, stop.err);
  await nothingIsLeft(folder);
  const again = await folder.run("cluster", "stop", "--cluster-id", "night");
  assert.deepEqual([again.code, /No cluster .* runs/.test(again.err)], [3, true]);
});

Deno.test("kill -9 of the watchman ends everything; stale files are recognised, and the next start works", async () => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", ["cluster", "start", "-n", "1"]);
  await folder.says("cluster", READY);
  Deno.kill(cluster.id.pid, "SIGKILL");
  await folder.isDeserted();
  assert.match((await folder.run("cluster", "list")).out, /no \(stale file\)/);
  const next = await folder.start("next", ["cluster", "start", "-n", "1"]);
  await folder.says("next", READY);
  Deno.kill(next.id.pid, "SIGTERM");
  assert.equal((await next.ended).code, 0);
  await nothingIsLeft(folder);
});

Deno.test("engines that are killed are replaced; a controller that is killed ends the cluster with a reason", async () => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", [
    "cluster",
    "start",
    "-n",
    "1",
    "--controller-args=--ping=250",
  ]);
  await folder.says("cluster", READY);
  Deno.kill(clusterFile(folder).engines[0].handle[0].pid, "SIGKILL");
  await folder.says("cluster", /The set of 1 engines is gone[^]*Started 1 engines in their place/);
  await until(() => isAlive(clusterFile(folder).engines[0].handle[0]), () => "no new engines");
  const exec = async () => (await folder.run("exec", "6 * 7")).code;
  for (let code = await exec(); code !== 0; code = await exec());
  const { controller, engines } = clusterFile(folder);
  Deno.kill(controller.handle[0].pid, "SIGKILL");
  assert.equal((await cluster.ended).code, 1);
  assert.match(folder.said("cluster"), /The controller is gone: it was ended by SIGKILL/);
  assert(await hasEnded(engines[0].handle[0], 1000));
  await nothingIsLeft(folder);
});

Deno.test("a cluster that cannot start says why, with the last words of the part that failed", async () => {
  await using folder = new RunFolder();
  for (const extra of [[], ["--daemonize"]]) {
    const said = await folder.run(
      "cluster",
      "start",
      "-n",
      "1",
      "--controller-args=--scheme=nothing",
      ...extra,
    );
    assert.equal(said.code, 1);
    assert.match(
      said.err,
      /^tsparallel: The controller is gone: it ended with code 2; its log ends with:\n[^]*Cannot use "nothing" for "--scheme"/,
    );
    await nothingIsLeft(folder);
  }
});
