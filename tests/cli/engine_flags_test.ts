/** `tsparallel engine` with ipengine's flags, environment and configuration. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { RunFolder } from "./run_folder.ts";
import { tsparallel } from "./tsparallel.ts";

const KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

async function withController(run: (folder: RunFolder, client: Client) => Promise<void>): Promise<void> {
  await using folder = new RunFolder();
  await folder.start("controller", ["controller", "--ping=150", "--dictdb"]);
  await folder.says("controller", /Hub ready/);
  const client = await Client.connect({ file: `${folder.dir}/security/ipcontroller-client.json` });
  try {
    await run(folder, client);
  } finally {
    await client.close();
  }
}

Deno.test("an engine takes its id from --id, from its rank and from its configuration, and its file from the environment", async () => {
  await withController(async (folder, client) => {
    await folder.start("first", ["engine", "--IPEngine.id=7", "-c", "a = 1", "--timeout=9"]);
    await folder.start("second", ["engine", "--mpi"], { PMI_RANK: "5" });
    await client.waitForEngines(2);
    Deno.writeTextFileSync(
      `${folder.dir}/ipengine_config.py`,
      "c.IPEngine.id = 9\nc.IPEngine.timeout = 3.5\n",
    );
    const text = Deno.readTextFileSync(`${folder.dir}/security/ipcontroller-engine.json`);
    const elsewhere = { IPP_CONNECTION_INFO: text, IPP_CLUSTER_ID: "no such cluster".replaceAll(" ", "-") };
    await folder.start("third", ["engine"], elsewhere);
    assert.deepEqual(await client.waitForEngines(3), [5, 7, 9]);
    assert.match(
      folder.said("first"),
      /warn .*settings of ipengine have no counterpart here and are ignored: -c/,
    );
    const shown = JSON.parse((await folder.run("engine", "--show-config")).out);
    assert.equal(shown.timeoutMs, 3500);
  });
});

Deno.test("--url and --location stand in for what the file says", async () => {
  await withController(async (folder, client) => {
    const path = `${folder.dir}/security/ipcontroller-engine.json`;
    const info = JSON.parse(Deno.readTextFileSync(path));
    const moved = `${folder.dir}/moved.json`;
    Deno.writeTextFileSync(moved, JSON.stringify({ ...info, interface: "tcp://192.0.2.1", registration: 1 }));
    await folder.start("engine", ["engine", `--file=${moved}`, `--url=tcp://127.0.0.1:${info.registration}`]);
    Deno.writeTextFileSync(
      moved + "2",
      JSON.stringify({ ...info, interface: "tcp://*", location: "192.0.2.1" }),
    );
    await folder.start("other", ["engine", `--file=${moved}2`, "--location=localhost"]);
    assert.deepEqual(await client.waitForEngines(2), [0, 1]);
  });
});

Deno.test("what an engine cannot use is refused with flag, value and what to do", async () => {
  await using folder = new RunFolder();
  Deno.writeTextFileSync(`${folder.dir}/bad.json`, "{");
  const curve = `--file=${folder.dir}/curve.json`;
  for (
    const [name, key] of [["curve", KEY], ["plain", ""], ["broken", KEY.slice(0, 8)], [
      "overflow",
      "#".repeat(40),
    ]]
  ) {
    Deno.writeTextFileSync(`${folder.dir}/${name}.json`, curveFile(key!));
  }
  for (
    const [args, code, expected] of [
      [["--mpi"], 2, /"--mpi": none of OMPI_COMM_WORLD_RANK, .* is set; start the engines with mpiexec/],
      [["--id=-1"], 2, /"-1" for "--id"/],
      [["--timeout=soon"], 2, /"soon" for "--timeout": it takes a number \(seconds\)/],
      [["--IPEngine.max_heartbeat_misses=-1"], 2, /"-1" for "--IPEngine\.max_heartbeat_misses"/],
      [[`--file=${folder.dir}/bad.json`], 3, /Cannot read ".*bad\.json": it is not complete JSON/],
      [["--wait-ms=1"], 3, /Cannot find ".*ipcontroller-engine\.json"/],
      [["--curve-secret-key=x", curve], 2, /a CURVE key has 40 characters/],
      [
        ["--curve-public-key", KEY, curve, "--timeout=0.1"],
        1,
        /lacks its secret half \(--curve-secret-key.*own.*rq:rM/,
      ],
      [
        ["--curve-server-key=short", `--file=${folder.dir}/plain.json`],
        2,
        /"short" for "--curve-server-key" \(IPP_CURVE_SERVERKEY\): a CURVE key has 40/,
      ],
      [
        [`--file=${folder.dir}/broken.json`],
        3,
        /broken\.json": its curve_serverkey is "rq:rM>}U", but a CURVE key/,
      ],
      [[`--file=${folder.dir}/overflow.json`], 3, /overflow\.json": its curve_serverkey is "#####/],
    ] as const
  ) {
    const said = await folder.run("engine", ...args);
    assert.match(said.err, expected);
    assert.equal(said.code, code, said.err);
  }
});

/** A file of a controller that is not there, with CURVE. */
function curveFile(key: string): string {
  const ports = ["registration", "control", "mux", "task", "iopub", "hb_ping", "hb_pong"].map((
    name,
  ) => [name, 1]);
  return JSON.stringify({
    ssh: "",
    interface: "tcp://127.0.0.1",
    ...Object.fromEntries(ports),
    broadcast: [1],
    key: "",
    curve_serverkey: key,
    location: "localhost",
    pack: "json",
    unpack: "json",
    signature_scheme: "hmac-sha256",
  });
}

Deno.test("an engine of a profile that does not exist ends at once and says what to do", async () => {
  await using folder = new RunFolder();
  const said = await tsparallel(["engine", "--profile=typo", `--ipython-dir=${folder.dir}`]);
  assert.equal(said.code, 3, said.err);
  assert.match(
    said.err,
    /Cannot find profile "typo": there is no folder ".*\/profile_typo"; start its controller first with `tsparallel controller --profile=typo/,
  );
  Deno.mkdirSync(`${folder.dir}/profile_types`);
  const near = await tsparallel(["engine", "--profile=typo", `--ipython-dir=${folder.dir}`]);
  assert.match(near.err, /did you mean "types"\?/);
});

Deno.test("an engine before its controller says at once what it waits for and where, and goes on when it is there", async () => {
  await using folder = new RunFolder();
  const waits = /Waiting for a controller to write its connection file .*path=.*ipcontroller-engine\.json/;
  await folder.start("engine", ["engine"]);
  await folder.says("engine", waits);
  await folder.start("controller", ["controller", "--nodb"]);
  await folder.says("engine", /Registered/);
  // A profile that comes with the program needs no folder before its controller makes it.
  const shipped = ["--profile=untrusted", `--ipython-dir=${folder.dir}`];
  const alone = await tsparallel(["engine", ...shipped, "--wait-ms=1"]);
  assert.equal(alone.code, 3);
  assert.match(alone.err, waits);
  assert.match(
    alone.err,
    /Cannot find ".*profile_untrusted\/security.*tsparallel controller --profile=untrusted/,
  );
});
