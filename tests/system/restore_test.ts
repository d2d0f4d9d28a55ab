/** A controller that is killed and started again with --restore: engines, Python's and ours, come back under their ids. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import type { Process } from "../../src/cluster/process.ts";
import { RunFolder, until } from "../cli/run_folder.ts";
import { PythonPeers, pythonTest } from "./python_peers.ts";
import { eventually } from "./run.ts";

const CONTROLLER = ["controller", "--ping=150", "--dictdb"];

function clientFile(folder: RunFolder): string {
  return `${folder.dir}/security/ipcontroller-client.json`;
}

async function startController(folder: RunFolder, name: string, ...args: string[]): Promise<Process> {
  const controller = await folder.start(name, [...CONTROLLER, ...args]);
  await folder.says(name, /Hub ready/);
  return controller;
}

async function kill(process: Process): Promise<void> {
  Deno.kill(process.id.pid, "SIGKILL");
  await process.ended;
}

const STATE = "log/engines.json";

const WAIT_FOR_TWO = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(2, timeout=40)
print(sorted(rc.ids), rc[:].apply_sync(__import__("os").getpid))
`;

pythonTest(
  "Python's engines survive a controller that is killed, with ids and without registering again",
  async () => {
    await using folder = new RunFolder();
    const first = await startController(folder, "first");
    await using python = new PythonPeers(folder);
    python.startEngines(2);
    const before = await python.run(WAIT_FOR_TWO);
    assert.match(before, /^\[0, 1\] /);
    const state = Deno.readTextFileSync(`${folder.dir}/${STATE}`);
    assert.match(state, /^\{"engines": \{"\d": "[\w-]+", "\d": "[\w-]+"\}, "next_id": 2\}$/);
    const files = Deno.readTextFileSync(clientFile(folder));
    await kill(first);
    await startController(folder, "second", "--restore");
    assert.equal(Deno.readTextFileSync(clientFile(folder)), files, "the same addresses and key");
    assert.equal(await python.run(WAIT_FOR_TWO), before, "the same ids for the same processes");
    assert.doesNotMatch(folder.said("second"), /asks to be registered/);
  },
);

Deno.test("our engines survive a controller that is killed, with their ids, and later ones get new ones", async () => {
  await using folder = new RunFolder();
  const first = await startController(folder, "first");
  await folder.start("engines", ["engine", "--engines", "2"]);
  const uuids = await uuidsOf(folder, 2);
  await kill(first);
  await startController(folder, "second", "--restore");
  assert.deepEqual(await uuidsOf(folder, 2), uuids);
  await folder.start("more", ["engine"]);
  const all = await uuidsOf(folder, 3);
  assert.deepEqual(Object.keys(all), ["0", "1", "2"]);
  assert.deepEqual({ "0": all["0"], "1": all["1"] }, uuids);
  const client = await Client.connect({ file: clientFile(folder) });
  try {
    assert.deepEqual(await client.direct([0, 1, 2]).apply((n: number) => n + 1, 1), [2, 2, 2]);
  } finally {
    await client.close();
  }
});

Deno.test("ids of engines that are gone are not given again after --restore", async () => {
  await using folder = new RunFolder();
  const first = await startController(folder, "first");
  const engine = await folder.start("engine", ["engine"]);
  await uuidsOf(folder, 1);
  Deno.kill(engine.id.pid, "SIGTERM");
  await engine.ended;
  await until(
    () => /"next_id": 1/.test(Deno.readTextFileSync(`${folder.dir}/${STATE}`)),
    () => Deno.readTextFileSync(`${folder.dir}/${STATE}`),
  );
  await until(
    () => Deno.readTextFileSync(`${folder.dir}/${STATE}`) === '{"engines": {}, "next_id": 1}',
    () => Deno.readTextFileSync(`${folder.dir}/${STATE}`),
  );
  await kill(first);
  await startController(folder, "second", "--restore");
  await folder.start("another", ["engine"]);
  assert.deepEqual(Object.keys(await uuidsOf(folder, 1)), ["1"]);
});

Deno.test("--restore without anything to restore starts as ever; a damaged state is named", async () => {
  await using folder = new RunFolder();
  const controller = await startController(folder, "first", "--restore");
  Deno.kill(controller.id.pid, "SIGTERM");
  assert.equal((await controller.ended).code, 0);
  assert.deepEqual(folder.files("security").filter((name) => !name.includes("scheduler")), [
    "ipcontroller-client.json",
    "ipcontroller-engine.json",
  ], "the files stay, as with --reuse");
  Deno.writeTextFileSync(`${folder.dir}/${STATE}`, "[]");
  const said = await folder.run("controller", "--restore");
  assert.equal(said.code, 1);
  assert.match(
    said.err,
    /tsparallel: Cannot restore the engines from ".*engines\.json".*remove it, or start without --restore/,
  );
});

/** Uuids by id, once there are so many engines. */
async function uuidsOf(folder: RunFolder, n: number): Promise<Record<string, string | null>> {
  const client = await Client.connect({ file: clientFile(folder) });
  try {
    await eventually(() => client.ids.length, (length) => length === n, `there are ${n} engines`);
    return Object.fromEntries(client.ids.map((id) => [String(id), client.engineUuid(id)]));
  } finally {
    await client.close();
  }
}
