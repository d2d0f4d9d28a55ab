/** CURVE end to end: our parts and Python's under encryption, keys that come from everywhere, and wrong ones. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { curveKeypair } from "../../src/wire/curve.ts";
import { writeCurveKeys } from "../../src/wire/curve_keys.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { PythonCluster } from "../peers/python_cluster.ts";
import { PYTHON, PythonPeers, pythonTest } from "./python_peers.ts";
import { errorOf } from "./run.ts";

const PING = "--ping=150";

function clientFile(folder: RunFolder): string {
  return `${folder.dir}/security/ipcontroller-client.json`;
}

function connection(folder: RunFolder) {
  return readConnectionFile(clientFile(folder), "client");
}

let started = 0;

async function start(folder: RunFolder, args: readonly string[], environment: Record<string, string> = {}) {
  const name = `controller-${started++}`;
  const controller = await folder.start(name, ["controller", PING, ...args], environment);
  await folder.says(name, /Hub ready/);
  return { ...controller, name };
}

const PYTHON_CLIENT = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(2, timeout=40)
theirs = [i for i in rc.ids if i != 0]
assert rc[theirs].apply_sync(lambda x: x + 1, 41) == [42], "mux"
assert rc.load_balanced_view(targets=theirs).map_sync(lambda x: x * x, range(9)) == [x * x for x in range(9)]
assert rc.broadcast_view(theirs).apply_sync(lambda: 7) == [7]
said = rc[0].execute("console.log(6 * 7)", block=True)
assert said.stdout == "42\\n", said.stdout
ar = rc.load_balanced_view(targets=theirs).apply(lambda: 5)
ar.get(20)
again = rc.resubmit(ar.msg_ids[0])
assert again.get(20) == [5], again.get(20)
assert len(rc.db_query({"msg_id": ar.msg_ids[0]})) == 1
print("all of it worked")
`;

pythonTest("Python's client and engine work beside ours under CURVE", async () => {
  await using folder = new RunFolder();
  await start(folder, [], { IPP_ENABLE_CURVE: "1" });
  const { key, curve_serverkey } = connection(folder);
  assert.equal(key, "", "CURVE takes the place of signatures");
  assert.equal(curve_serverkey?.length, 40);
  await folder.start("ours", ["engine"]);
  const client = await Client.connect({ file: clientFile(folder) });
  try {
    await client.waitForEngines(1);
    assert.equal(await client.direct(0).apply((n: number) => n * 2, 21), 42);
    assert.deepEqual(await client.loadBalanced().map((n: number) => n + 1, [1, 2, 3]), [2, 3, 4]);
    await using python = new PythonPeers(folder);
    python.startEngines(1);
    assert.equal(await python.run(PYTHON_CLIENT), "all of it worked");
  } finally {
    await client.close();
  }
});

Deno.test("keys from a file and from the environment are the controller's; made ones last with --reuse only", async () => {
  await using folder = new RunFolder();
  const pair = curveKeypair(), path = `${folder.dir}/curve.key`;
  writeCurveKeys(path, pair, false);
  const environment = { IPP_ENABLE_CURVE: "1", IPP_CURVE_SECRETKEY: pair.secretKey };
  for (
    const [args, variables] of [
      [["--enable-curve", `--curve-key-file=${path}`], {}],
      [[`--IPController.enable_curve=True`, `--IPController.curve_secretkey=b'${pair.secretKey}'`], {}],
      [[], environment],
    ] as const
  ) {
    const controller = await start(folder, args, variables);
    assert.equal(connection(folder).curve_serverkey, pair.publicKey);
    Deno.kill(controller.id.pid, "SIGTERM");
    await controller.ended;
    assert.deepEqual(folder.files("security"), []);
  }
  const first = await start(folder, ["--enable-curve", "--reuse"]);
  const kept = `${folder.dir}/security/ipcontroller-curve.key`;
  assert.equal(Deno.statSync(kept).mode! & 0o777, 0o600);
  const { curve_serverkey } = connection(folder);
  Deno.kill(first.id.pid, "SIGKILL");
  await first.ended;
  const plain = await folder.run("controller", "--reuse");
  assert.match(plain.err, /Cannot reuse ".*": the run before encrypted \(CURVE\); start with --enable-curve/);
  await start(folder, ["--enable-curve", "--reuse"]);
  assert.equal(connection(folder).curve_serverkey, curve_serverkey);
});

Deno.test("a wrong key, none, and one too many: client and engine say so at once", async () => {
  await using folder = new RunFolder();
  const { name, ...controller } = await start(folder, ["--enable-curve"]);
  const right = connection(folder);
  const engineFile = `${folder.dir}/security/ipcontroller-engine.json`;
  const engineText = Deno.readTextFileSync(engineFile);
  const wrong = curveKeypair().publicKey;
  const cases = [
    [wrong, /refuses the encrypted handshake: its CURVE key is another/],
    [null, /it encrypts \(CURVE\), and there is no key for it.*IPP_CURVE_SERVERKEY/],
  ] as const;
  for (const [key, expected] of cases) {
    const error = await errorOf(Client.connect({ connection: { ...right, curve_serverkey: key } }));
    assert.match(String(error), expected);
    assert.match(String(error), /Cannot connect to "tcp:\/\/127\.0\.0\.1:\d+"/);
    const file = `${folder.dir}/other-engine.json`;
    Deno.writeTextFileSync(file, JSON.stringify({ ...JSON.parse(engineText), curve_serverkey: key }));
    const said = await folder.run("engine", `--file=${file}`);
    assert.equal(said.code, 1, said.err);
    assert.match(said.err, expected);
  }
  await folder.says(
    name,
    /warn .*A peer cannot connect why="it does not encrypt \(CURVE\), or has another key/,
  );
  Deno.kill(controller.id.pid, "SIGTERM");
  await controller.ended;
  await start(folder, []);
  const plain = { ...connection(folder), curve_serverkey: wrong };
  assert.match(
    String(await errorOf(Client.connect({ connection: plain }))),
    /there is a CURVE key for it, but it does not encrypt|or it does not encrypt/,
  );
});

pythonTest("our engine and client work under CURVE with Python's own controller", async () => {
  await using folder = new RunFolder();
  await using cluster = await PythonCluster.start({
    python: PYTHON!,
    controller: "ipcontroller",
    controllerArgs: ["--ping=200"],
    environment: { IPP_ENABLE_CURVE: "1" },
    engines: 1,
  });
  await folder.start("engine", ["engine", `--file=${cluster.engineFile}`]);
  const client = await Client.connect({ file: cluster.clientFile });
  try {
    const ids = await client.waitForEngines(2);
    assert.deepEqual(ids, [0, 1]);
    const results = await client.direct("all").execute("1 + 1");
    assert.deepEqual(results.map(({ text }) => text), ["2", "2"]);
  } finally {
    await client.close();
  }
});

const PIDS = `
import sys, os, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(1, timeout=40)
print(rc.ids, rc[:].apply_sync(os.getpid))
`;

pythonTest("--restore under CURVE: Python's engine comes back, since the keys were kept", async () => {
  await using folder = new RunFolder();
  const first = await start(folder, ["--enable-curve"]);
  await using python = new PythonPeers(folder);
  python.startEngines(1);
  const before = await python.run(PIDS);
  Deno.kill(first.id.pid, "SIGKILL");
  await first.ended;
  await start(folder, ["--enable-curve", "--restore"]);
  assert.equal(await python.run(PIDS), before);
});

Deno.test("keys that do not fit are refused with what to do", async () => {
  await using folder = new RunFolder();
  const one = curveKeypair(), other = curveKeypair();
  Deno.writeTextFileSync(`${folder.dir}/empty.key`, "nothing\n");
  for (
    const [args, expected] of [
      [[`--curve-secret-key=short`], /secret key of "--curve-secret-key": a CURVE key has 40 characters/],
      [
        [`--curve-secret-key=${one.secretKey}`, `--curve-public-key=${other.publicKey}`],
        /does not belong to the secret one, whose public key is/,
      ],
      [[`--curve-public-key=${one.publicKey}`], /"--curve-public-key" alone.*tsparallel keys makes a pair/],
      [[`--curve-key-file=${folder.dir}/missing.key`], /missing\.key", which "--curve-key-file" names/],
      [[`--curve-key-file=${folder.dir}/empty.key`], /it has no line IPP_CURVE_SECRETKEY/],
    ] as const
  ) {
    const said = await folder.run("controller", "--enable-curve", ...args);
    assert.equal(said.code, 2, said.err);
    assert.match(said.err, expected);
  }
});
