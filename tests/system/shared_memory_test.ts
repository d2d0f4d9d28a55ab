/** Large values between a client and an engine on one host: by shared memory where both can, by socket else; nothing stays of who dies. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Client } from "../../src/client/client.ts";
import { denoTransport } from "../../src/client/deno_transport.ts";
import { curveKeypair } from "../../src/wire/curve.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { errorOf, eventually, Run } from "./run.ts";

const MB = 1 << 20;

function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 61) bytes[i] = i / 61 + seed;
  if (length > 0) bytes[length - 1] = seed;
  return bytes;
}

/** Memory that a process shares, or has open, as pairs of name and KiB that are in use. */
function shared(pid: number | "self"): { name: string; kiB: number }[] {
  const found: { name: string; kiB: number }[] = [];
  for (const { name: fd } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${fd}`;
    try {
      const name = Deno.readLinkSync(path);
      if (name.startsWith("/memfd:tsparallel-")) {
        found.push({ name, kiB: (Deno.statSync(path).blocks ?? 0) / 2 });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

function until(isSo: () => boolean): Promise<boolean> {
  return eventually(isSo, (answer) => answer, isSo.toString());
}

function usedKiB(pid: number | "self"): number {
  return shared(pid).reduce((sum, { kiB }) => sum + kiB, 0);
}

Deno.test("sizes at every bound, typed arrays and nested values go there and back by shared memory", async () => {
  await using run = await Run.start({ n: 1 });
  const view = run.client.direct(run.client.ids[0]!);
  await view.push({ first: bytesOf(MB, 1) });
  await until(() => shared(run.hostPid).length === 1);
  const sizes = [
    0,
    1,
    65_535,
    65_536,
    256 << 10,
    MB - 1,
    MB,
    MB + 1,
    32 * MB,
    33 * MB + 7,
    128 * MB,
    140 * MB + 3,
  ];
  for (const [seed, size] of sizes.entries()) {
    const value = bytesOf(size, seed);
    await view.push({ value });
    assert.equal(
      Buffer.compare(Buffer.from(await view.pull("value") as Uint8Array), Buffer.from(value)),
      0,
      `${size}`,
    );
  }
  assert.ok(usedKiB("self") > 100 * 1024, "the memory was used");
  const nested = {
    list: [new Float64Array(200_000).fill(1.5), { deep: bytesOf(3 * MB + 1, 7) }],
    text: "ä".repeat(400_000),
    small: new Uint16Array([1, 2, 3]),
  };
  await view.push({ nested });
  assert.deepEqual(await view.pull("nested"), nested);
  assert.deepEqual(
    await view.apply((a: Uint8Array, b: Uint8Array) => [b, a.length], bytesOf(MB, 3), bytesOf(2 * MB, 4)),
    [
      bytesOf(2 * MB, 4),
      MB,
    ],
  );
  await until(() => usedKiB("self") < 1024);
});

Deno.test("200 pushes and pulls in turn, and two clients at once, need no more memory than one", async () => {
  await using run = await Run.start({ n: 2 });
  const other = await run.connect();
  const value = bytesOf(4 * MB, 1);
  const work = async (client: Client, rounds: number) => {
    const view = client.direct(client.ids[0]!);
    for (let i = 0; i < rounds; i++) {
      value[0] = i;
      await view.push({ [`v${client.session.slice(0, 4)}`]: value });
      const found = await view.pull(`v${client.session.slice(0, 4)}`) as Uint8Array;
      assert.deepEqual([found.length, found[61]], [value.length, value[61]]);
    }
  };
  await other.waitForEngines(2);
  await work(run.client, 200);
  assert.ok(usedKiB("self") < 48 * 1024, `${usedKiB("self")} KiB`);
  await Promise.all([work(run.client, 20), work(other, 20)]);
  assert.equal(shared(run.hostPid).length, 2);
  await other.close();
  await until(() => shared(run.hostPid).length === 1);
});

Deno.test("either side switches it off, and everything goes by socket", async () => {
  await using run = await Run.start({ n: 1, engineArgs: ["--shared-memory=off"] });
  const view = run.client.direct(run.client.ids[0]!);
  const value = bytesOf(3 * MB, 2);
  for (let i = 0; i < 2; i++) {
    await view.push({ value });
    assert.deepEqual(await view.pull("value"), value);
  }
  assert.deepEqual(shared(run.hostPid), []);
  assert.ok(usedKiB("self") <= 4);
  await using off = await Client.connect({
    file: run.clientFile,
    transport: denoTransport({ sharedMemory: false }),
  });
  const before = shared("self").length;
  await off.waitForEngines(1);
  await off.direct(off.ids[0]!).push({ value });
  assert.equal(shared("self").length, before);
});

Deno.test("a client that is killed, and an engine host that is killed, leave nothing behind", async () => {
  await using run = await Run.start({ n: 1 });
  const code = `
    const { Client } = await import(${
    JSON.stringify(new URL("../../src/client/client.ts", import.meta.url).href)
  });
    const client = await Client.connect({ file: ${JSON.stringify(run.clientFile)} });
    await client.waitForEngines(1);
    const view = client.direct(client.ids[0]);
    for (;;) { await view.push({ x: new Uint8Array(8 << 20) }); await view.pull("x"); console.log("round"); }`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--unstable-worker-options", code],
    stdout: "piped",
  }).spawn();
  await using _end = { [Symbol.asyncDispose]: async () => void (await child.status) };
  const reader = child.stdout.getReader();
  for (let i = 0; i < 2; i++) assert.equal((await reader.read()).done, false);
  await until(() => shared(run.hostPid).length === 1);
  child.kill("SIGKILL");
  await reader.cancel();
  await until(() => shared(run.hostPid).length === 0);
  const view = run.client.direct(run.client.ids[0]!);
  await view.push({ value: bytesOf(2 * MB, 1) });
  await until(() => shared(run.hostPid).length === 1);
  const lost = errorOf(view.apply((_: Uint8Array) => new Promise(() => {}), bytesOf(8 * MB, 1)));
  await until(() => usedKiB("self") > 8 * 1024);
  Deno.kill(run.hostPid, "SIGKILL");
  await lost;
  assert.equal(usedKiB("self"), 0);
  assert.deepEqual([...Deno.readDirSync("/dev/shm")].filter(({ name }) => name.includes("tsparallel")), []);
});

/** Anonymous memory of a process that is in use, in KiB: neither files nor what it shares. */
function residentKiB(pid: number | "self"): number {
  return Number(/RssAnon:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
}

Deno.test("100 rounds leave client and host no larger than some rounds did", async () => {
  await using run = await Run.start({ n: 1 });
  const view = run.client.direct(run.client.ids[0]!);
  const value = bytesOf(8 * MB, 1);
  const rounds = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await view.push({ value });
      assert.equal((await view.pull("value") as Uint8Array).length, value.length);
    }
  };
  await rounds(20);
  const before = residentKiB(run.hostPid);
  await rounds(80);
  assert.ok(residentKiB(run.hostPid) < before + 64 * 1024, `${residentKiB(run.hostPid)} after ${before} KiB`);
  assert.ok(usedKiB(run.hostPid) < 80 * 1024, `${usedKiB(run.hostPid)} KiB are shared`);
});

Deno.test("tasks that are cancelled while their pieces are on their way, and engines that leave, spoil nothing", async () => {
  await using run = await Run.start({ n: 2 });
  const [first = 0, second = 0] = run.client.ids;
  const view = run.client.direct(first), value = bytesOf(48 * MB, 3);
  await view.push({ value });
  for (let i = 0; i < 6; i++) {
    const stopped = view.push({ other: bytesOf(32 * MB, i) });
    if (i % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 0));
    stopped.cancel();
    await errorOf(stopped);
    const pull = view.pull("value");
    if (i % 3 === 0) {
      pull.cancel();
      await errorOf(pull);
    } else assert.equal(Buffer.compare(Buffer.from(await pull as Uint8Array), Buffer.from(value)), 0);
  }
  await run.client.direct(second).push({ value });
  await run.client.direct(second).pull("value");
  await until(() => shared(run.hostPid).length === 2);
  await run.client.shutdown({ targets: [first] });
  await until(() => shared(run.hostPid).length === 1);
  assert.equal((await run.client.direct(second).pull("value") as Uint8Array).length, value.length);
});

Deno.test("with CURVE too; a client with a cap of its own goes by socket", async () => {
  await using folder = new RunFolder();
  const keys = { ada: curveKeypair(), bob: curveKeypair(), engine: curveKeypair() };
  const policy = {
    clients: {
      ada: { key: keys.ada.publicKey, permissions: "all" },
      bob: { key: keys.bob.publicKey, permissions: "none" },
    },
    engines: [keys.engine.publicKey],
  };
  Deno.writeTextFileSync(`${folder.dir}/policy.json`, JSON.stringify(policy));
  await folder.start("controller", [
    "controller",
    "--ping=150",
    "--enable-curve",
    `--policy=${folder.dir}/policy.json`,
  ]);
  await folder.says("controller", /Hub ready/);
  const engine = await folder.start("engine", ["engine"], { IPP_CURVE_SECRETKEY: keys.engine.secretKey });
  const file = `${folder.dir}/security/ipcontroller-client.json`, value = bytesOf(5 * MB, 1);
  for (const [who, memories] of [["bob", 0], ["ada", 1]] as const) {
    await using client = await Client.connect({ file, curveSecretKey: keys[who].secretKey });
    await client.waitForEngines(1, { timeoutMs: 20_000 });
    const view = client.direct(0);
    for (let i = 0; i < 3; i++) {
      await view.push({ value });
      assert.equal(
        Buffer.compare(Buffer.from(await view.pull("value") as Uint8Array), Buffer.from(value)),
        0,
      );
    }
    assert.equal(shared(engine.id.pid).length, memories, who);
  }
});

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test({
  name: "an engine in another namespace of processes goes by socket (needs root)",
  ignore: !isRoot,
  async fn() {
    await using run = await Run.start({ n: 1 });
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const engine = new Deno.Command("unshare", {
      args: ["-mp", "--fork", "--mount-proc", "--kill-child", Deno.execPath(), "run", "-A", "--no-prompt"]
        .concat("--unstable-worker-options", main, "engine", `--file=${run.engineFile}`),
      stdout: "null",
      stderr: "null",
    }).spawn();
    await using _end = {
      async [Symbol.asyncDispose]() {
        engine.kill("SIGKILL");
        await engine.status;
      },
    };
    await run.client.waitForEngines(2, { timeoutMs: 20_000 });
    const view = run.client.direct(1), value = bytesOf(5 * MB, 1);
    for (let i = 0; i < 3; i++) {
      await view.push({ value });
      assert.equal(
        Buffer.compare(Buffer.from(await view.pull("value") as Uint8Array), Buffer.from(value)),
        0,
      );
    }
    assert.ok(usedKiB("self") <= 8, `${usedKiB("self")} KiB were shared`);
  },
});
