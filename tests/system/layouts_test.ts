/** Hub, schedulers and engines in one process or in several: the same results. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { queueIsEmpty, Run } from "./run.ts";

async function calculates(client: Client): Promise<void> {
  const items = Array.from({ length: 300 }, (_, i) => i);
  assert.deepEqual(await client.loadBalanced().map((i: number) => i * i, items), items.map((i) => i * i));
  assert.deepEqual(await client.direct("all").apply((x: number) => x + 1, 1), client.ids.map(() => 2));
  const large = await client.loadBalanced().apply((b: Uint8Array) => b, new Uint8Array(4 << 20).fill(3));
  assert.equal(large.length, 4 << 20);
  const talking = client.loadBalanced().apply(() => console.log("hello"));
  await talking;
  await talking.outputReady();
  assert.equal(talking.metadata.stdout, "hello\n");
  await queueIsEmpty(client);
}

Deno.test("the schedulers as a process of the controller", async () => {
  await using run = await Run.start({ controllerArgs: ["--layout=process"] });
  await calculates(run.client);
});

Deno.test("hub, scheduler and engine each by hand", async () => {
  await using folder = new RunFolder();
  const hub = await folder.start("hub", ["hub"]);
  const scheduler = await folder.start("scheduler", ["scheduler"]);
  await folder.says("hub", /writing connection info to .*engine\.json/);
  const engine = await folder.start("engine", ["engine", "--engines", "2"]);
  {
    await using client = await Client.connect({ profileDir: folder.dir });
    await client.waitForEngines(2, { timeoutMs: 20_000 });
    await calculates(client);
  }
  Deno.kill(hub.id.pid, "SIGTERM");
  assert.equal((await hub.ended).code, 0, folder.said("hub"));
  assert.equal((await scheduler.ended).code, 0, folder.said("scheduler"));
  Deno.kill(engine.id.pid, "SIGTERM");
  assert.equal((await engine.ended).code, 0, folder.said("engine"));
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
});

Deno.test("a scheduler process that is killed ends its controller with a reason", async () => {
  await using folder = new RunFolder();
  const controller = await folder.start("controller", ["controller", "--layout=process"]);
  await folder.says("controller", /writing connection info to .*engine\.json/);
  const scheduler = folder.pids().find((pid) =>
    /scheduler/.test(Deno.readTextFileSync(`/proc/${pid}/cmdline`))
  );
  assert(scheduler !== undefined);
  Deno.kill(scheduler, "SIGKILL");
  assert.equal((await controller.ended).code, 1);
  assert.match(folder.said("controller"), /the schedulers ended: signal SIGKILL/);
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
  await folder.isDeserted();
});
