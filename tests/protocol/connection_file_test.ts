/** Connection files: ipyparallel's keys in its order, never half written, and clear words for what is wrong. */
import assert from "node:assert/strict";
import {
  type ClientConnection,
  connectionPaths,
  endpoint,
  type EngineConnection,
  isThisHost,
  parseConnection,
  readConnectionFile,
  removeConnectionFile,
  type SchedulerConnection,
  writeConnectionFile,
} from "../../src/protocol/connection_file.ts";
import { ConnectionFileError } from "../../src/protocol/errors.ts";

const COMMON = {
  unpack: "json",
  signature_scheme: "hmac-sha256",
  pack: "json",
  location: "here",
  curve_serverkey: null,
  key: "secret",
  iopub: 5,
  task: 4,
  mux: 3,
  control: 2,
  registration: 1,
  interface: "tcp://127.0.0.1",
  ssh: "",
};
const CLIENT: ClientConnection = { ...COMMON, broadcast: 7, notification: 6, task_scheme: "leastload" };
const ENGINE: EngineConnection = { ...COMMON, broadcast: [7, 8], hb_pong: 10, hb_ping: 9 };
const SCHEDULER: SchedulerConnection = { version: 1, link: "ipc:///x", key: "k", nonce: "00", pid: 5 };

const ENDING = ["key", "curve_serverkey", "location", "pack", "unpack", "signature_scheme"];

async function inFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/profile_mine`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function problem(action: () => unknown): ConnectionFileError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ConnectionFileError, `${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was wrong" });
}

Deno.test("files are named by profile, cluster and role", () => {
  assert.equal(connectionPaths("/p").client, "/p/security/ipcontroller-client.json");
  assert.deepEqual(connectionPaths("/p", "id"), {
    client: "/p/security/ipcontroller-id-client.json",
    engine: "/p/security/ipcontroller-id-engine.json",
    scheduler: "/p/security/ipcontroller-id-scheduler.json",
  });
});

Deno.test("files hold ipyparallel's keys in its order, private to the user", async () => {
  await inFolder((profile) => {
    const paths = connectionPaths(profile);
    writeConnectionFile(paths.client, CLIENT);
    writeConnectionFile(paths.engine, ENGINE);
    writeConnectionFile(paths.scheduler, SCHEDULER);
    const keys = (path: string) => Object.keys(JSON.parse(Deno.readTextFileSync(path)));
    const first = ["ssh", "interface", "registration", "control", "mux"];
    assert.deepEqual(keys(paths.client), [
      ...first,
      ...["task", "task_scheme", "iopub", "notification", "broadcast"],
      ...ENDING,
    ]);
    assert.deepEqual(keys(paths.engine), [
      ...first,
      "task",
      "iopub",
      "hb_ping",
      "hb_pong",
      "broadcast",
      ...ENDING,
    ]);
    assert.match(Deno.readTextFileSync(paths.client), /^\{\n {2}"ssh": "",\n/);
    for (const path of Object.values(paths)) assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual(readConnectionFile(paths.client, "client"), CLIENT);
    assert.deepEqual(readConnectionFile(paths.engine, "engine"), ENGINE);
    assert.deepEqual(readConnectionFile(paths.scheduler, "scheduler"), SCHEDULER);
    assert.deepEqual([...Deno.readDirSync(`${profile}/security`)].length, 3);
  });
});

Deno.test("a reader finds the old file or the new one, never half of one", async () => {
  await inFolder((profile) => {
    const path = connectionPaths(profile).client;
    const long = "x".repeat(200_000);
    writeConnectionFile(path, { ...CLIENT, location: "y" });
    const file = Deno.openSync(path);
    writeConnectionFile(path, { ...CLIENT, location: long });
    const old = new Uint8Array(10_000);
    const length = file.readSync(old) ?? 0;
    file.close();
    assert.equal(
      parseConnection(new TextDecoder().decode(old.subarray(0, length)), "client", "old").location,
      "y",
    );
    assert.equal(readConnectionFile(path, "client").location, long);
  });
});

Deno.test("a missing file says what to start", async () => {
  await inFolder((profile) => {
    const error = problem(() => readConnectionFile(connectionPaths(profile, "id").client, "client"));
    assert.equal(error.kind, "missing");
    assert.match(error.message, /^Cannot find ".*client\.json": is a cluster running\? Start one with/);
    assert.match(
      error.message,
      /`tsparallel cluster start --profile=mine --cluster-id=id`, or .* `tsparallel controller --profile=mine --cluster-id=id`$/,
    );
  });
});

Deno.test("half a file, another role's and another version's are told apart", () => {
  const text = JSON.stringify(CLIENT);
  const half = problem(() => parseConnection(text.slice(0, 50), "client", "f"));
  assert.deepEqual([half.kind, half.message.split(";")[0]], [
    "unreadable",
    'Cannot read "f": it is not complete JSON',
  ]);
  assert.match(problem(() => parseConnection("", "client", "f")).message, /it is empty/);
  assert.match(problem(() => parseConnection("[]", "client", "f")).message, /no JSON object/);
  const role = problem(() => parseConnection(text, "engine", "f"));
  assert.deepEqual(
    [role.kind, role.message],
    ["wrong role", 'Cannot use "f" for engines: it is the file for clients'],
  );
  assert.equal(problem(() => parseConnection(JSON.stringify(ENGINE), "client", "f")).kind, "wrong role");
  const { mux: _, key: __, ...lacking } = CLIENT;
  const incomplete = problem(() => parseConnection(JSON.stringify(lacking), "client", "f"));
  assert.equal(incomplete.kind, "incomplete");
  assert.match(incomplete.message, /it lacks "mux", "key"; another version wrote it/);
});

Deno.test("a field of the wrong type is named", () => {
  const parse = (change: object) =>
    problem(() => parseConnection(JSON.stringify({ ...CLIENT, ...change }), "client", "f"));
  assert.match(parse({ mux: "5" }).message, /"mux" is "5" and not a port number/);
  assert.match(parse({ mux: 70_000 }).message, /"mux" is 70000/);
  assert.match(parse({ key: null }).message, /"key" is null and not text/);
  assert.match(parse({ signature_scheme: "hmac-md5" }).message, /signature_scheme is "hmac-md5"/);
  assert.match(
    problem(() => parseConnection(JSON.stringify({ ...ENGINE, broadcast: 5 }), "engine", "f")).message,
    /"broadcast" is 5 and not a list of port numbers/,
  );
});

Deno.test("fields that can be left out have their meaning, and unknown ones are kept", () => {
  const { ssh: _, pack: __, curve_serverkey: ___, ...few } = CLIENT;
  const read = parseConnection(JSON.stringify({ ...few, extra: 1 }), "client", "f");
  assert.deepEqual([read.ssh, read.pack, read.curve_serverkey], ["", "json", null]);
  assert.equal(Reflect.get(read, "extra"), 1);
});

Deno.test("removing is harmless twice", async () => {
  await inFolder((profile) => {
    const path = connectionPaths(profile).client;
    writeConnectionFile(path, CLIENT);
    removeConnectionFile(path);
    removeConnectionFile(path);
    assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
  });
});

Deno.test("endpoints: addresses of all interfaces become one that can be reached", () => {
  const [here, there] = [() => true, () => false];
  assert.equal(endpoint("tcp://127.0.0.1", 5, "x", there), "tcp://127.0.0.1:5");
  assert.equal(endpoint("tcp://10.0.0.1", 5, "x", here), "tcp://10.0.0.1:5");
  assert.equal(endpoint("tcp://*", 5, "node7", here), "tcp://127.0.0.1:5");
  assert.equal(endpoint("tcp://0.0.0.0", 5, "node7", there), "tcp://node7:5");
  assert.equal(endpoint("tcp://*", 5, "", there), "tcp://127.0.0.1:5");
  assert.equal(endpoint("ipc:///tmp/x", 5, "node7", there), "ipc:///tmp/x-5");
  assert.throws(() => endpoint("127.0.0.1", 5, ""), RangeError);
  assert.ok(isThisHost(Deno.hostname()) && isThisHost("127.0.0.1"));
  assert.ok(!isThisHost("surely-another-host.invalid"));
});

Deno.test("a CURVE key that is none is named with its file, a missing one means no CURVE", () => {
  const key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
  const read = (curve_serverkey: unknown) =>
    parseConnection(JSON.stringify({ ...CLIENT, curve_serverkey }), "client", "/p/client.json");
  assert.equal(read(key).curve_serverkey, key);
  assert.equal(read(null).curve_serverkey, null);
  assert.equal(read("").curve_serverkey, "");
  for (const bad of [key.slice(0, 20), key + "0", key.slice(1) + "~", "#".repeat(40)]) {
    const { message, kind } = problem(() => read(bad));
    assert.equal(kind, "incomplete");
    assert.ok(
      message.startsWith(`Cannot use "/p/client.json": its curve_serverkey is "${bad}", but`),
      message,
    );
  }
});
