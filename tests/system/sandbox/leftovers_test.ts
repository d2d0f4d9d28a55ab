/**
 * Neighbours and later tasks on a real cluster of the profile `untrusted`: what a task leaves behind is found by nobody, not even by the next
 * task of its own client; what one is granted, another is not.
 */
import assert from "node:assert/strict";
import { type Client, PermissionDenied } from "../../../src/client/client.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { errorOf, eventually } from "../run.ts";

/** Leaves what it can: globals, prototypes, the runtime's settings, files, a folder, a Worker, timers, the mask of new files. */
async function leave(): Promise<{ folder: string; pid: number }> {
  const everywhere = globalThis as unknown as Record<string, unknown>;
  everywhere["left"] = "left";
  (Object.prototype as unknown as Record<string, unknown>)["left"] = "left";
  Math.random = () => 0.5;
  Deno.writeTextFileSync("left", "left");
  Deno.mkdirSync("left-folder");
  const { DatabaseSync } = await import("node:sqlite");
  new DatabaseSync("left.db").exec("create table a(b)");
  setInterval(() => console.log("still here"), 1);
  new Worker("data:text/javascript,setInterval(() => {}, 1)", { type: "module" });
  const { default: process } = await import("node:process");
  process.title = "left";
  return { folder: Deno.cwd(), pid: Deno.pid };
}

/** What it finds of that. */
async function find(before: { folder: string; pid: number }): Promise<string[]> {
  const found: string[] = [];
  const everywhere = globalThis as unknown as Record<string, unknown>;
  if (everywhere["left"] !== undefined) found.push("a global, or a property of all objects");
  if (Math.random() === 0.5 && Math.random() === 0.5) found.push("a function");
  if (Deno.cwd() === before.folder) found.push("the folder");
  if ([...Deno.readDirSync(".")].length > 0) found.push("files");
  if (Deno.pid === before.pid) found.push("the process");
  const { default: process } = await import("node:process");
  if (process.title === "left") found.push("the title");
  try {
    Deno.readTextFileSync(`${before.folder}/left`);
    found.push("a file by its path");
  } catch { /* as it should be */ }
  return found;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("nothing of a task is found by the next one, of the same client or another", async (test) => {
  await using folder = new RunFolder();
  const cluster = await Cluster.start({
    n: 1,
    profile: "untrusted",
    profileDir: folder.dir,
    engineArgs: ["--allow-read=$SCRATCH,/usr/share/zoneinfo", "--allow-write=$SCRATCH"],
  });
  const clients = [await cluster.client(), await cluster.client()] as [Client, Client];
  try {
    for (const [i, client] of clients.entries()) {
      await test.step(i === 0 ? "the same client" : "another client", async () => {
        const before = await clients[0][0]!.apply(leave);
        assert.match(before.folder, /tsparallel-slot-/);
        assert.deepEqual(await client[0]!.apply(find, before), []);
        for (const path of [before.folder, `/proc/${before.pid}`]) {
          await eventually(() => isThere(path), (is) => !is, `${path} is gone`);
        }
      });
    }

    await test.step("a task that asks for less gets less, whatever the engine grants", async () => {
      const read = () => Deno.readTextFileSync("/usr/share/zoneinfo/tzdata.zi").length > 0;
      const view = clients[0].loadBalanced();
      const asks = view.with({ permissions: { read: ["$SCRATCH"] } });
      assert.match(String(await errorOf(asks.apply(read))), /NotCapable|PermissionDenied/);
      const beyond = await errorOf(view.with({ permissions: { read: ["/etc"] } }).apply(read));
      assert(beyond instanceof PermissionDenied, String(beyond));
      assert.match(beyond.message, /read "\/etc"/);
    });

    await test.step("nobody loosens an engine's isolation", async () => {
      const loose = clients[1].loadBalanced().with({ isolation: "shared" });
      const pids = await Promise.all([0, 1].map(() => loose.apply(() => Deno.pid).catch((error) => error)));
      const isRefused = pids.every((pid) => pid instanceof PermissionDenied);
      assert.ok(isRefused || new Set(pids).size === 2, String(pids));
    });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await cluster.stop();
    await Promise.all(cluster.parts.map((part) => part.ended));
  }
});
