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
