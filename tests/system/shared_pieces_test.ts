/** Large buffers of one call to several engines: each gets them whole, answers for itself, and nothing stays of who leaves in the middle. */
import assert from "node:assert/strict";
import { Client, CompositeError, EngineError } from "../../src/client/client.ts";
import { pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, PATIENCE_MS, queueIsEmpty, Run } from "./run.ts";

const MB = 1 << 20;

function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 61) bytes[i] = i / 61 + seed;
  if (length > 0) bytes[length - 1] = seed;
  return bytes;
}

/** Length and a sum that knows the order, computed where the values are. */
const digest = (bytes: Uint8Array): string => {
  let sum = 7;
  for (let i = 0; i < bytes.length; i++) sum = (sum * 31 + bytes[i]!) % 1_000_003;
  return `${bytes.length}:${sum}`;
};
const CELL = (name: string) =>
  `(() => { let sum = 7; for (let i = 0; i < ${name}.length; i++) sum = (sum * 31 + ${name}[i]) % 1000003; return ${name}.length + ":" + sum; })()`;

async function digests(client: Client, ids: readonly number[], name: string): Promise<unknown[]> {
  const results = await client.direct(ids).execute(CELL(name));
  return results.map(({ value }) => value);
}

/** Resident memory of a process in MB. */
function residentMB(pid: number): number {
  const [, kB = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kB) / 1024;
}

Deno.test("values of every size reach all engines of two hosts, by push, apply and execute", async () => {
  await using run = await Run.start({ n: 3 });
  const { client } = run;
  await run.cluster.startEngines(2);
  const ids = await client.waitForEngines(5, { timeoutMs: PATIENCE_MS });
  const all = client.direct("all");
  const sizes = [0, 1, 65_535, 65_536, MB - 1, MB, MB + 1, 3 * MB + 5];
  for (const [seed, size] of sizes.entries()) {
    const value = bytesOf(size, seed);
    await all.push({ value });
    assert.deepEqual(await digests(client, ids, "value"), Array(5).fill(digest(value)), `${size} bytes`);
  }
  const [a, b] = [bytesOf(2 * MB + 1, 5), bytesOf(100_000, 6)];
  const text = "x".repeat(700_000);
  const lengths = (a: Uint8Array, text: string, b: Uint8Array) => [a.length, text.length, b.length, a.at(-1)];
  assert.deepEqual(await all.apply(lengths, a, text, b), Array(5).fill([a.length, 700_000, 100_000, 5]));
  const code = `globalThis.long = ${JSON.stringify("y".repeat(800_000))}; long.length`;
  assert.deepEqual((await all.execute(code)).map(({ value }) => value), Array(5).fill(800_000));
  const own = bytesOf(MB + 7, 9);
  const pushes = Array.from({ length: 6 }, (_, i) => all.push({ [`v${i}`]: own.subarray(i) }));
  const small = all.apply(() => 1);
  await Promise.all(pushes);
  assert.deepEqual(await small, Array(5).fill(1));
  for (let i = 0; i < 6; i++) {
    assert.deepEqual(await digests(client, ids, `v${i}`), Array(5).fill(digest(own.subarray(i))));
  }
  await queueIsEmpty(client);
});

Deno.test("an engine host that is killed during a push fails for its engines only; who comes meanwhile is no target", async () => {
  await using run = await Run.start({ n: 2, controllerArgs: ["--ping=200", "--heartbeat-misses=5"] });
  const { client } = run;
  const stay = [...client.ids];
  await run.cluster.startEngines(2);
  const ids = await client.waitForEngines(4, { timeoutMs: PATIENCE_MS });
  const host = run.cluster.parts.at(-1)!.pid!;
  await client.direct("all").apply(() => 1);
  const value = bytesOf(96 * MB, 3);
  const pushed = client.direct("all").push({ value });
  const error = errorOf(pushed);
  await new Promise((resolve) => setTimeout(resolve, 0));
  Deno.kill(host, "SIGKILL");
  const more = run.cluster.startEngines(1);
  const failed = await error;
  assert(failed instanceof CompositeError, String(failed));
  assert.equal(failed.errors.length, 2);
  for (const one of failed.errors) assert(one instanceof EngineError, String(one));
  await more;
  assert.deepEqual(await digests(client, stay, "value"), Array(2).fill(digest(value)));
  const fresh = (await client.waitForEngines(3, { timeoutMs: PATIENCE_MS })).filter((id) =>
    !ids.includes(id)
  );
  assert.deepEqual((await client.direct(fresh).execute("typeof value")).map(({ value }) => value), [
    "undefined",
  ]);
  await queueIsEmpty(client);
});

Deno.test("one engine of a host leaves during a push: the others of that host get it all", async () => {
  await using run = await Run.start({ n: 4 });
  const { client } = run;
  const [first, ...others] = client.ids as [number, ...number[]];
  await client.direct("all").apply(() => 1);
  const value = bytesOf(64 * MB, 4);
  const pushed = client.direct("all").push({ value });
  const ended = pushed.then(() => undefined, (error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 0));
  await client.shutdown({ targets: [first] });
  const error = await ended;
  if (error !== undefined) {
    assert(error instanceof CompositeError, String(error));
    assert.equal(error.errors.length, 1);
    assert(error.errors[0] instanceof EngineError, String(error.errors[0]));
  }
  assert.deepEqual(await digests(client, others, "value"), Array(3).fill(digest(value)));
});

Deno.test("a push to all is cancelled on its way, and what follows it is not", async () => {
  await using run = await Run.start({ n: 3 });
  const { client } = run;
  const all = client.direct("all");
  await all.push({ value: 1 });
  const big = all.push({ value: bytesOf(48 * MB, 5) });
  const behind = all.push({ behind: bytesOf(2 * MB, 6) });
  const error = errorOf(big);
  big.cancel("not wanted");
  assert.match(String(await error), /TaskCancelled|CompositeError/);
  await behind;
  assert.deepEqual(await digests(client, client.ids, "behind"), Array(3).fill(digest(bytesOf(2 * MB, 6))));
  await queueIsEmpty(client);
});

Deno.test("a client that is killed during a push to all leaves nothing behind that others notice", async () => {
  await using run = await Run.start({ n: 3 });
  const { client, controllerPid } = run;
  const all = client.direct("all");
  await all.push({ value: bytesOf(8 * MB, 1) });
  const before = residentMB(controllerPid);
  const code = `import { Client } from ${
    JSON.stringify(new URL("../../src/client/client.ts", import.meta.url).href)
  };
    const client = await Client.connect({ file: ${JSON.stringify(run.clientFile)} });
    client.direct("all").push({ value: new Uint8Array(${256 * MB}).fill(1) });
    await new Promise((resolve) => setTimeout(resolve, 0));
    console.log("under way");
    await new Promise((resolve) => setTimeout(resolve, 1e6));`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--no-check", `--config=${config}`, "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const reader = child.stdout.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /under way/);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  const value = bytesOf(5 * MB, 2);
  await all.push({ value });
  assert.deepEqual(await digests(client, client.ids, "value"), Array(3).fill(digest(value)));
  await eventually(
    () => residentMB(controllerPid) - before,
    (grown) => grown < 60,
    "the controller is slim again",
  );
  await queueIsEmpty(client);
});

Deno.test("engines that share nothing get their pieces one by one", async () => {
  await using run = await Run.start({ n: 2 });
  const value = bytesOf(2 * MB, 8);
  await using other = await Client.connect({ file: run.clientFile });
  await Promise.all(run.client.ids.map((id) => other.direct(id).push({ value: value.subarray(id) })));
  const found = await digests(run.client, run.client.ids, "value");
  assert.deepEqual(found, run.client.ids.map((id) => digest(value.subarray(id))));
});

pythonTest("a large push to our engines and Python's at once", async (stack) => {
  const run = stack.use(await Run.start({ n: 2 }));
  const { client } = run;
  const ours = [...client.ids];
  await pythonEngines(stack, run.folder.dir, 1);
  const ids = await client.waitForEngines(3, { timeoutMs: 40_000 });
  const value = bytesOf(5 * MB + 3, 7);
  await client.direct(ids).push({ value });
  assert.deepEqual(await digests(client, ours, "value"), Array(2).fill(digest(value)));
  const [theirs] = ids.filter((id) => !ours.includes(id));
  const python = await client.direct(theirs!).execute("[len(value), value[-1], sum(bytes(value)) % 1000003]");
  const sum = value.reduce((sum, byte) => sum + byte, 0) % 1_000_003;
  assert.deepEqual(python.value, [value.length, 7, sum]);
});
