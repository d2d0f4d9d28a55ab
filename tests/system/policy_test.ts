/** The controller's policy with real processes: who is let in, and what each client may ask for. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { curveKeypair } from "../../src/wire/curve.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { PythonPeers, pythonTest } from "./python_peers.ts";

const PING = "--ping=150";

function clientFile(folder: RunFolder): string {
  return `${folder.dir}/security/ipcontroller-client.json`;
}

/** A controller with CURVE and the policy in this text. */
async function startController(folder: RunFolder, policy: string): Promise<void> {
  const path = `${folder.dir}/policy.json`;
  Deno.writeTextFileSync(path, policy);
  await folder.start("controller", ["controller", PING, "--enable-curve", `--policy=${path}`]);
  await folder.says("controller", /Hub ready/);
}

Deno.test("with a policy only listed keys connect, engines as engines and clients as clients", async () => {
  await using folder = new RunFolder();
  const ada = curveKeypair(), engine = curveKeypair(), stranger = curveKeypair();
  const policy = {
    clients: { ada: { key: ada.publicKey, permissions: "all" } },
    engines: [engine.publicKey],
  };
  await startController(folder, `// who may what\n${JSON.stringify(policy)}`);

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
  await startController(folder, JSON.stringify(policy));
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

const PYTHON_CLIENT = `
import json, os, sys, traitlets, zmq, ipyparallel as ipp
file, who, public, secret, data = sys.argv[1:]

class Client(ipp.Client):  # it takes keys no other way
    curve_publickey = traitlets.Bytes(public.encode(), allow_none=True)
    curve_secretkey = traitlets.Bytes(secret.encode(), allow_none=True)

rc = Client(file, timeout=20)
rc.wait_for_engines(2, timeout=40)
ours, theirs = (0, 1)
reading = f"Deno.readTextFileSync({data + '/a.txt'!r})"
listing = f"[...Deno.readDirSync({data!r})].length"

def said(view, code):
    try:
        return view.execute(code, silent=False, block=True).execute_result["data"]["text/plain"]
    except ipp.RemoteError as error:
        return error.ename

def ends(call):
    try:
        return call()
    except ipp.RemoteError as error:
        return "PermissionDenied" if "PermissionDenied" in str(error) else error.ename

print(said(rc[ours], reading), said(rc[ours], listing))
print(ends(lambda: rc[theirs].apply_sync(lambda: "ran")))
print(ends(lambda: rc.broadcast_view([theirs]).apply_sync(lambda: "ran")[0]))
print(ends(lambda: rc.load_balanced_view().apply_sync(lambda: "ran")))
# A kernel's control channel takes cells too.
if who == "ada": sys.exit()
cfg, left = json.load(open(file)), f"{data}/{who}"
control = zmq.Context.instance().socket(zmq.DEALER)
ipp.util.connect(control, f"{cfg['interface']}:{cfg['control']}", curve_serverkey=cfg["curve_serverkey"].encode(),
                 curve_publickey=public.encode(), curve_secretkey=secret.encode())
cell = {"code": f"open({left!r}, 'w').close()", "silent": True}
rc.session.send(control, "execute_request", content=cell, ident=rc._engines[theirs].encode())
assert control.poll(15000), "no reply on control"
_, reply = rc.session.recv(control)
print(reply["content"].get("ename", "ok"), os.path.exists(left))
`;

pythonTest("Python's clients are capped on our engines, and kept off Python's", async () => {
  await using folder = new RunFolder();
  const { data, keys, connect } = await cappedCluster(folder);
  await using ada = await connect("ada");
  await using python = new PythonPeers(folder);
  python.startEngines(1, {
    IPP_CURVE_PUBLICKEY: keys.engine.publicKey,
    IPP_CURVE_SECRETKEY: keys.engine.secretKey,
  });
  await ada.waitForEngines(2, { timeoutMs: 20_000 });
  const said = (who: "ada" | "bob" | "eve") =>
    python.run(PYTHON_CLIENT, who, keys[who].publicKey, keys[who].secretKey, data);
  assert.equal(await said("ada"), '"alpha" 1\nran\nran\nran');
  const refused = "PermissionDenied\nPermissionDenied\nTypeError\nPermissionDenied False";
  assert.equal(await said("bob"), `"alpha" NotCapable\n${refused}`);
  assert.equal(await said("eve"), `NotCapable NotCapable\n${refused}`);
});
