/** The controller's policy with real processes: who is let in, and what each client may ask for. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { curveKeypair } from "../../src/wire/curve.ts";
import { RunFolder } from "../cli/run_folder.ts";

const PING = "--ping=150";

function clientFile(folder: RunFolder): string {
  return `${folder.dir}/security/ipcontroller-client.json`;
}

Deno.test("with a policy only listed keys connect, engines as engines and clients as clients", async () => {
  await using folder = new RunFolder();
  const ada = curveKeypair(), engine = curveKeypair(), stranger = curveKeypair();
  const policy = {
    clients: { ada: { key: ada.publicKey, permissions: "all" } },
    engines: [engine.publicKey],
  };
  Deno.writeTextFileSync(`${folder.dir}/policy.json`, `// who may what\n${JSON.stringify(policy)}`);
  await folder.start("controller", [
    "controller",
    PING,
    "--enable-curve",
    `--policy=${folder.dir}/policy.json`,
  ]);
  await folder.says("controller", /Hub ready/);

  await folder.start("engine", ["engine"], { IPP_CURVE_SECRETKEY: engine.secretKey });
  const connect = (pair: typeof ada) =>
    Client.connect({ file: clientFile(folder), curveSecretKey: pair.secretKey });
  await using client = await connect(ada);
  await client.waitForEngines(1, { timeoutMs: 20_000 });
  assert.equal(await client.loadBalanced().apply((n: number) => n + 1, 41), 42);
  assert.equal(await client.direct(0).apply((n: number) => n + 1, 41), 42);

  await assert.rejects(connect(stranger), /policy does not know this CURVE key/);
  await assert.rejects(connect(engine), /lists this CURVE key as an engine's/);
  await folder.start("posing", ["engine"], { IPP_CURVE_SECRETKEY: ada.secretKey });
  await folder.says("posing", /policy does not list its CURVE key among its engines/);
});

/** A controller with CURVE and a policy, one engine that may read a folder, and clients with keys of their own. */
async function cappedCluster(folder: RunFolder) {
  const keys = { ada: curveKeypair(), bob: curveKeypair(), eve: curveKeypair(), engine: curveKeypair() };
  const data = `${folder.dir}/data`;
  Deno.mkdirSync(data);
  Deno.writeTextFileSync(`${data}/a.txt`, "alpha");
  const policy = {
    everyone: "none",
    clients: {
      ada: { key: keys.ada.publicKey, permissions: "all" },
      bob: { key: keys.bob.publicKey, permissions: { read: [`${data}/a.txt`] } },
    },
    engines: [keys.engine.publicKey],
  };
  Deno.writeTextFileSync(`${folder.dir}/policy.json`, JSON.stringify(policy));
  await folder.start("controller", [
    "controller",
    PING,
    "--enable-curve",
    `--policy=${folder.dir}/policy.json`,
  ]);
  await folder.says("controller", /Hub ready/);
  await folder.start("engine", ["engine", `--allow-read=${data}`], {
    IPP_CURVE_SECRETKEY: keys.engine.secretKey,
  });
  const connect = async (who: "ada" | "bob" | "eve") => {
    const client = await Client.connect({ file: clientFile(folder), curveSecretKey: keys[who].secretKey });
    await client.waitForEngines(1, { timeoutMs: 20_000 });
    return client;
  };
  return { data, keys, connect };
}

const listing = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name);
const reading = (path: string) => Deno.readTextFileSync(path);

Deno.test("a client's cap holds for balanced and direct tasks, and for what it asks to be run again", async () => {
  await using folder = new RunFolder();
  const { data, connect } = await cappedCluster(folder);
  await using ada = await connect("ada");
  await using bob = await connect("bob");
  await using eve = await connect("eve");
  const file = `${data}/a.txt`;
  for (const view of [(client: Client) => client.loadBalanced(), (client: Client) => client.direct(0)]) {
    assert.deepEqual(await view(ada).apply(listing, data), ["a.txt"]);
    assert.equal(await view(bob).apply(reading, file), "alpha");
    await assert.rejects(view(bob).apply(listing, data), /NotCapable|denied|Requires read access/i);
    await assert.rejects(view(eve).apply(reading, file), /NotCapable|denied|Requires read access/i);
    await assert.rejects(
      view(bob).with({ permissions: { read: [data] } }).apply(listing, data),
      (error: Error) => error.name === "PermissionDenied" && error.message.includes(data),
    );
  }
  const done = ada.loadBalanced().apply(listing, data);
  await done;
  const again = await eve.resubmit(done.msgIds);
  const [renewed] = Object.values(again);
  await assert.rejects(
    eve.result(renewed!, { timeoutMs: 20_000 }),
    /NotCapable|denied|Requires read access/i,
  );
});
