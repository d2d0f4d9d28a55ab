/** How processes end: asked once, asked twice, or not at all. Nothing stays behind. */
import assert from "node:assert/strict";
import { hasEnded, identify } from "../../src/cluster/process.ts";
import { Client } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { eventually } from "./run.ts";

const LISTENING = /writing connection info to .*engine\.json/;

/** A controller and an engine host with two engines and a task that never ends, each started by hand. */
async function started(folder: RunFolder) {
  const controller = await folder.start("controller", ["controller", "--ping=200"]);
  await folder.says("controller", LISTENING);
  const engine = await folder.start("engine", ["engine", "--engines", "2"]);
  const client = await Client.connect({ profileDir: folder.dir });
  await client.waitForEngines(2, { timeoutMs: 20_000 });
  const endless = client[0]!.apply(() => {
    console.log("begun");
    for (;;);
  });
  await eventually(() => endless.metadata.stdout, (text) => text !== "", "the task runs");
  return { controller, engine, client, endless };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} ends engine hosts and controllers in order, tasks running or not`, async () => {
    await using folder = new RunFolder();
    const { controller, engine, client, endless } = await started(folder);
    const waiting = client.loadBalanced({ targets: [1] }).apply(() => 5);
    assert.equal(await waiting, 5);
    Deno.kill(engine.id.pid, signal);
    assert.deepEqual(await engine.ended, { code: 0, signal: null }, folder.said("engine"));
    await assert.rejects(async () => await endless, /may have run|left|ended|gone/);
    await eventually(() => client.ids, (ids) => ids.length === 0, "its engines are off the list at once");
    await client.close();
    Deno.kill(controller.id.pid, signal);
    assert.deepEqual(await controller.ended, { code: 0, signal: null }, folder.said("controller"));
    await folder.isDeserted();
    assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
    for (const name of ["engine", "controller"]) assert.doesNotMatch(folder.said(name), /\n\s+at /);
  });
}

Deno.test("two SIGINTs end at once, and leave no process", async () => {
  await using folder = new RunFolder();
  const { controller, engine, client } = await started(folder);
  await client.close();
  for (const { id, ended } of [engine, controller]) {
    Deno.kill(id.pid, "SIGINT");
    Deno.kill(id.pid, "SIGINT");
    const { signal } = await ended;
    assert.equal(signal, null);
  }
  await folder.isDeserted();
  assert.deepEqual(folder.files("pid"), []);
});

Deno.test("an engine whose controller is gone for good ends by itself when it stops, and its children with it", async () => {
  await using folder = new RunFolder();
  const { controller, engine, client } = await started(folder);
  await client.close();
  Deno.kill(controller.id.pid, "SIGKILL");
  await controller.ended;
  Deno.kill(engine.id.pid, "SIGTERM");
  assert(await hasEnded(engine.id, 10_000), folder.said("engine"));
  await folder.isDeserted();
});

Deno.test("kill -9 of a daemonized cluster's watchman: nothing is left, and stop clears the files away", async () => {
  await using folder = new RunFolder();
  const start = await folder.run("cluster", "start", "-n", "1", "--daemonize");
  assert.equal(start.code, 0, start.err);
  const { supervisor } = JSON.parse(
    await Deno.readTextFile(`${folder.dir}/security/tsparallel-cluster-.json`),
  );
  Deno.kill(supervisor.pid, "SIGKILL");
  assert(await hasEnded(identify(supervisor.pid), 5000));
  await folder.isDeserted();
  const stop = await folder.run("cluster", "stop");
  assert.equal(stop.code, 3, stop.out);
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
});
