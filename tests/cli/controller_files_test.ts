/** What a controller writes for its peers, and keeps for its successor: addresses, transports, ports, keys, modes. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { PythonPeers, pythonTest } from "../system/python_peers.ts";
import { RunFolder, until } from "./run_folder.ts";

let started = 0;

async function start(folder: RunFolder, args: readonly string[], environment: Record<string, string> = {}) {
  const name = `controller-${started++}`;
  const controller = await folder.start(name, ["controller", "--ping=150", ...args], environment);
  await folder.says(name, /Hub ready/);
  return { controller, said: () => folder.said(name) };
}

async function stop(controller: { readonly id: { readonly pid: number }; readonly ended: Promise<unknown> }) {
  Deno.kill(controller.id.pid, "SIGTERM");
  await controller.ended;
}

function file(folder: RunFolder, role: "client" | "engine", id = ""): string {
  return `${folder.dir}/security/ipcontroller${id === "" ? "" : `-${id}`}-${role}.json`;
}

const CLIENT_KEYS = [
  "ssh",
  "interface",
  "registration",
  "control",
  "mux",
  "task",
  "task_scheme",
  "iopub",
  "notification",
  "broadcast",
];
const ENGINE_KEYS = [
  "ssh",
  "interface",
  "registration",
  "control",
  "mux",
  "task",
  "iopub",
  "hb_ping",
  "hb_pong",
  "broadcast",
];
const ENDING = ["key", "curve_serverkey", "location", "pack", "unpack", "signature_scheme"];

Deno.test("both files have ipyparallel's keys in its order, indented by 2, and what the flags say", async () => {
  await using folder = new RunFolder();
  await start(folder, [
    "--cluster-id=abc",
    "--location=here.example",
    "--ssh=me@gate:22",
    "--enginessh=inner",
    "--ip=*",
    "--engine-ip=127.0.0.1",
    "--scheme=lru",
    "--Session.packer=msgpack",
    "--Session.key=secret",
  ]);
  const [clientText, engineText] = (["client", "engine"] as const).map((role) =>
    Deno.readTextFileSync(file(folder, role, "abc"))
  );
  const client = JSON.parse(clientText!), engine = JSON.parse(engineText!);
  assert.deepEqual(Object.keys(client), [...CLIENT_KEYS, ...ENDING]);
  assert.deepEqual(Object.keys(engine), [...ENGINE_KEYS, ...ENDING]);
  assert.equal(clientText, JSON.stringify(client, null, 2));
  assert.deepEqual(
    [client.ssh, engine.ssh, client.interface, engine.interface],
    ["me@gate:22", "inner", "tcp://*", "tcp://127.0.0.1"],
  );
  for (const info of [client, engine]) {
    assert.deepEqual(
      ENDING.map((key) => info[key]),
      ["secret", null, "here.example", "msgpack", "msgpack", "hmac-sha256"],
    );
  }
  assert.equal(client.registration, engine.registration);
  assert.equal(client.task_scheme, "lru");
  assert.equal(engine.broadcast.length, 2);
  for (const role of ["client", "engine"] as const) {
    assert.equal(Deno.statSync(file(folder, role, "abc")).mode! & 0o777, 0o600);
  }
});

Deno.test("without --location it is the host's name; IPP_* name folder, cluster and key", async () => {
  await using folder = new RunFolder();
  const environment = { IPP_CLUSTER_ID: "env", IPP_SESSION_KEY: "from-env" };
  await start(folder, [], environment);
  const { location, key } = readConnectionFile(file(folder, "client", "env"), "client");
  assert.deepEqual([location, key], [Deno.hostname(), "from-env"]);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGABRT"] as const) {
  Deno.test(`${signal} ends a controller with status 0, and its files are gone`, async () => {
    await using folder = new RunFolder();
    const { controller } = await start(folder, []);
    Deno.kill(controller.id.pid, signal);
    assert.deepEqual(await controller.ended, { code: 0, signal: null });
    assert.deepEqual(folder.files("security"), []);
  });
}

/** The first of so many free ports behind one another, below those that are given out by chance. */
function freeBlock(length: number): number {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      for (let port = base; port < base + length; port++) {
        Deno.listen({ hostname: "127.0.0.1", port }).close();
      }
      return base;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

Deno.test("pools of ports are used up in ipcontroller's order, and free ones follow", async () => {
  await using folder = new RunFolder();
  const base = freeBlock(10);
  const { controller } = await start(folder, [`--ports=${base}-${base + 6},${base + 8}`, "--dictdb"]);
  const engine = readConnectionFile(file(folder, "engine"), "engine");
  const client = readConnectionFile(file(folder, "client"), "client");
  const { registration, control, mux, task, iopub, hb_ping, hb_pong, broadcast } = engine;
  assert.deepEqual(
    [registration, control, mux, task, iopub, hb_ping, hb_pong, broadcast[0]],
    [0, 1, 2, 3, 4, 5, 6, 8].map((n) => base + n),
  );
  assert(![base, base + 8].includes(client.mux) && client.mux > 0);
  await stop(controller);
  await start(folder, [
    `--port=${base}`,
    `--IPController.client_ports=[${base + 1}, ${base + 2}]`,
    `--engine-ports=${base + 3}`,
  ]);
  const second = readConnectionFile(file(folder, "client"), "client");
  assert.deepEqual([second.registration, second.control, second.mux], [base, base + 1, base + 2]);
  assert.equal(readConnectionFile(file(folder, "engine"), "engine").control, base + 3);
});

Deno.test("--reuse keeps addresses and key, the files, and what the run before said about itself", async () => {
  await using folder = new RunFolder();
  const first = await start(folder, ["--reuse", "--location=there", "--ip=*"]);
  const before = (["client", "engine"] as const).map((role) => Deno.readTextFileSync(file(folder, role)));
  await stop(first.controller);
  const second = await start(folder, ["--reuse"]);
  const after = (["client", "engine"] as const).map((role) => Deno.readTextFileSync(file(folder, role)));
  assert.deepEqual(after, before);
  await stop(second.controller);
  const changed = { ...JSON.parse(before[1]!), key: "another" };
  Deno.writeTextFileSync(file(folder, "engine"), JSON.stringify(changed));
  const said = await folder.run("controller", "--reuse");
  assert.match(said.err, /Cannot reuse ".*-client\.json": "key" differs in the engine's file; remove both/);
  assert.equal(said.code, 3);
});

Deno.test("ipc: our engines and clients connect by files, which are gone at the end", async () => {
  await using folder = new RunFolder();
  const { controller } = await start(folder, ["--transport=ipc"]);
  const info = readConnectionFile(file(folder, "client"), "client");
  assert.equal(info.interface, `ipc://${folder.dir}/security/ipc`);
  await folder.start("engine", ["engine"]);
  const client = await Client.connect({ file: file(folder, "client") });
  await client.waitForEngines(1);
  assert.equal(await client.direct(0).apply((n: number) => n + 1, 1), 2);
  await client.close();
  await stop(controller);
  assert.deepEqual(folder.files("security"), []);
});

const IPC_CLIENT = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(1, timeout=40)
print(rc[:].apply_sync(lambda x: x + 1, 1), rc.broadcast_view().apply_sync(lambda: 3))
`;

pythonTest(
  "ipc: Python's engines and clients connect, which they cannot to Python's own controller",
  async () => {
    await using folder = new RunFolder();
    await start(folder, ["--transport=ipc", `--ip=${folder.dir}/socket`]);
    await using python = new PythonPeers(folder);
    python.startEngines(1);
    assert.equal(await python.run(IPC_CLIENT), "[2] [3]");
  },
);

Deno.test("a mixture: clients by ipc, engines by tcp", async () => {
  await using folder = new RunFolder();
  await start(folder, ["--IPController.client_transport=ipc"]);
  await folder.start("engine", ["engine"]);
  const client = await Client.connect({ file: file(folder, "client") });
  await client.waitForEngines(1);
  assert.equal(await client.loadBalanced().apply((n: number) => n + 1, 1), 2);
  await client.close();
});

Deno.test("settings without a counterpart are one warning; a config file is read and never run", async () => {
  await using folder = new RunFolder();
  const config = `${folder.dir}/ipcontroller_config.py`;
  Deno.writeTextFileSync(
    config,
    `c = get_config()\nc.DictDB.record_limit = 7\nc.Foo.bar = 1\nopen("${folder.dir}/ran", "w")\n`,
  );
  const { said } = await start(folder, [
    "--dictdb",
    "--Session.check_pid=False",
    "--log-to-file",
    "--clean-logs",
  ]);
  const lines = said().split("\n").filter((line) => / warn /.test(line));
  assert.equal(lines.length, 2, said());
  assert.match(
    lines[0]!,
    /have no counterpart here and are ignored: --Session\.check_pid, c\.Foo\.bar in .*:3/,
  );
  assert.match(lines[1]!, /nothing is run; ignored: .*ipcontroller_config\.py:4/);
  assert.equal(folder.files("").includes("ran"), false);
  assert.equal(folder.files("log").filter((name) => /^ipcontroller-\d+\.log$/.test(name)).length, 1);
});

Deno.test("what cannot be is refused with flag, value and what to do", async () => {
  await using folder = new RunFolder();
  Deno.writeTextFileSync(`${folder.dir}/long`, "");
  const long = `/tmp/${"x".repeat(120)}`;
  for (
    const [args, code, expected] of [
      [["--keyfile=/no/such"], 2, /"\/no\/such", which "--keyfile" names/],
      [["--transport=carrier-pigeon"], 2, /"carrier-pigeon" for "--transport": it takes tcp, ipc/],
      [["--transport=ipc", `--ip=${long}`], 2, /longer than a socket's may be/],
      [["--work-dir=/no/such"], 2, /"\/no\/such" for "--work-dir"/],
      [["--config=/no/such.py"], 2, /"\/no\/such\.py", which "--config" names/],
      [["--ports=0-5"], 2, /it takes ports from 1 to 65535/],
      [["--Session.packer=pickle"], 2, /"pickle" for "--Session\.packer": it takes json, msgpack/],
      [["--log-level=loud"], 2, /log level "loud"/],
      [
        ["--ip=no.such.address"],
        1,
        /Cannot bind "tcp:\/\/no\.such\.address:\*": .*; give one of this machine's addresses as --ip/,
      ],
      [["--TaskScheduler.scheme_name=fifo"], 2, /"fifo" for "--TaskScheduler\.scheme_name"/],
    ] as const
  ) {
    const said = await folder.run("controller", ...args);
    assert.match(said.err, expected);
    assert.equal(said.code, code, said.err);
    assert.doesNotMatch(said.err, /\n\s+at /);
  }
  await until(() => folder.files("security").length === 0, () => folder.files("security").join());
});
