/** Files and disks that are not as they should be: a sentence that says what to do, and nothing accepted is lost. */
import assert from "node:assert/strict";
import { Client, ConnectionFileError } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

const CLIENT_FILE = "security/ipcontroller-client.json";
const ENGINE_FILE = "security/ipcontroller-engine.json";

/** A file system of its own, small or read-only, on a folder; undefined where this user may not mount. */
function mount(folder: string, options: string): Disposable | undefined {
  const run = (command: string, args: string[]) =>
    new Deno.Command(command, { args, stderr: "null" }).outputSync().success;
  try {
    if (!run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder])) return undefined;
  } catch {
    return undefined;
  }
  return { [Symbol.dispose]: () => void run("umount", ["-l", folder]) };
}

function canMount(): boolean {
  const folder = Deno.makeTempDirSync();
  using mounted = mount(folder, "size=1m");
  const isMounted = mounted !== undefined;
  mounted?.[Symbol.dispose]();
  Deno.removeSync(folder);
  return isMounted;
}

const MOUNTS = canMount();
const needsMount = MOUNTS ? "" : " (needs the right to mount)";

Deno.test("connection files that are missing, half written or of another kind", async (test) => {
  await using folder = new RunFolder();
  const connect = () => errorOf(Client.connect({ profileDir: folder.dir, timeoutMs: 1000 }));

  await test.step("missing: says how to start a cluster", async () => {
    const error = await connect();
    assert(error instanceof ConnectionFileError, String(error));
    assert.match(error.message, /cluster start|controller/);
    const said = await folder.run("exec", "1");
    assert.equal(said.code, 3, said.err);
    assert.doesNotMatch(said.err, /\n\s+at /);
  });

  await using cluster = await Cluster.start({ n: 1, profileDir: folder.dir });
  const whole = await Deno.readTextFile(`${folder.dir}/${CLIENT_FILE}`);
  const fields = JSON.parse(whole);
  const slips: readonly (readonly [string, string, RegExp])[] = [
    ["empty", "", /client\.json/],
    ["half written", whole.slice(0, whole.length / 2), /client\.json/],
    ["a list", "[]", /client\.json/],
    ["without a key", JSON.stringify({ ...fields, key: undefined }), /key/],
    ["with a wrong port", JSON.stringify({ ...fields, task: "soon" }), /task/],
    [
      "with another way to sign",
      JSON.stringify({ ...fields, signature_scheme: "hmac-sha512" }),
      /hmac-sha512/,
    ],
    ["with another packer", JSON.stringify({ ...fields, pack: "pickle", unpack: "pickle" }), /pickle/],
    [
      "an engine's",
      await Deno.readTextFile(`${folder.dir}/${ENGINE_FILE}`),
      /notification|task_scheme|client/,
    ],
  ];
  for (const [name, text, expected] of slips) {
    await test.step(name, async () => {
      await Deno.writeTextFile(`${folder.dir}/${CLIENT_FILE}`, text);
      const error = await connect() as Error;
      assert.match(error.message, expected);
      assert.match(error.message, /^Cannot /);
      const said = await folder.run("status");
      assert.notEqual(said.code, 0);
      assert.doesNotMatch(said.err, /\n\s+at /);
    });
  }

  await test.step("an old file, of a controller that is gone: says so, in bounded time", async () => {
    await Deno.writeTextFile(`${folder.dir}/${CLIENT_FILE}`, JSON.stringify({ ...fields, registration: 1 }));
    assert.match(String(await connect()), /no (reply|answer)|Cannot connect/i);
    const engine = JSON.parse(await Deno.readTextFile(`${folder.dir}/${ENGINE_FILE}`));
    await Deno.writeTextFile(`${folder.dir}/${ENGINE_FILE}`, "{");
    const said = await folder.run("engine");
    assert.notEqual(said.code, 0);
    assert.match(said.err, /engine\.json/);
    await Deno.writeTextFile(`${folder.dir}/${ENGINE_FILE}`, JSON.stringify(engine));
  });

  await test.step("with another key: refused, and the cluster goes on", async () => {
    await Deno.writeTextFile(`${folder.dir}/${CLIENT_FILE}`, JSON.stringify({ ...fields, key: "other" }));
    assert.match(String(await connect()), /Cannot connect|no reply/);
    await Deno.writeTextFile(`${folder.dir}/${CLIENT_FILE}`, whole);
    await using client = await cluster.client();
    assert.equal(await client.loadBalanced().apply(() => 1), 1);
  });
});

Deno.test("a file where a folder should be gets a sentence, and nothing is left behind", async () => {
  for (const name of ["security", "pid", "log", "tsparallel.db"]) {
    await using folder = new RunFolder();
    if (name === "tsparallel.db") await Deno.mkdir(`${folder.dir}/${name}`);
    else await Deno.writeTextFile(`${folder.dir}/${name}`, "");
    const said = await folder.run("controller");
    assert.equal(said.code, 1, `${name}: ${said.out}${said.err}`);
    assert.match(said.err, /^tsparallel: Cannot /m);
    assert(said.err.includes(`${folder.dir}/${name}`) || said.err.includes(`"${folder.dir}"`), said.err);
    assert.doesNotMatch(said.err, /\n\s+at /);
    assert.deepEqual(folder.files("pid"), []);
    assert.deepEqual(folder.files("security").filter((file) => file.endsWith(".json")), []);
  }
});

Deno.test(`a folder that cannot be written gets a sentence${needsMount}`, { ignore: !MOUNTS }, async () => {
  await using folder = new RunFolder();
  const dir = `${folder.dir}/run`;
  await Deno.mkdir(dir);
  using _mounted = mount(dir, "ro,size=1m");
  const { tsparallel } = await import("../cli/tsparallel.ts");
  for (const command of [["controller"], ["cluster", "start", "-n", "1"]]) {
    const said = await tsparallel([...command, "--profile-dir", dir]);
    assert.equal(said.code, 1);
    assert.match(said.err, /^tsparallel: Cannot write in the run's folder ".*": Read-only/m);
  }
});

Deno.test("a database of another version, or that is none, is refused and stays as it was", async () => {
  await using folder = new RunFolder();
  const path = `${folder.dir}/tsparallel.db`;
  const text = "this is no database, but somebody may want to keep it ".repeat(100);
  await Deno.writeTextFile(path, text);
  const said = await folder.run("controller");
  assert.equal(said.code, 1);
  assert.match(said.err, new RegExp(`^tsparallel: Cannot open the records in "${path}"`, "m"));
  assert.equal(await Deno.readTextFile(path), text);
});

Deno.test(
  `a disk that is full: said in status and log, no accepted task is lost, records follow later${needsMount}`,
  { ignore: !MOUNTS },
  async (test) => {
    await using folder = new RunFolder();
    const dir = `${folder.dir}/run`;
    await Deno.mkdir(dir);
    using _mounted = mount(dir, "size=6m");
    // What is said of the full disk shall not need the disk.
    await Deno.mkdir(`${folder.dir}/log`);
    await Deno.symlink(`${folder.dir}/log`, `${dir}/log`);
    await using cluster = await Cluster.start({ n: 1, profileDir: dir });
    await using client = await cluster.client();
    const view = client.loadBalanced();
    assert.equal(await view.apply(() => 1), 1);
    const records = async () => String((await client.status()).records);
    const filler = `${dir}/filler`;
    fill(filler);

    const tasks = Array.from(
      { length: 2000 },
      (_, i) => view.apply((x: number) => [x, "y".repeat(2000)] as const, i),
    );
    await test.step("status and log say so; tasks still run, and their results come", async () => {
      await eventually(records, (text) => /^refused: .*(full|disk|space)/i.test(text), "status says so");
      const log = await Deno.readTextFile(`${dir}/log/ipcontroller.log`);
      assert.match(log, /Records cannot be written; they are held reason=".*full"/);
      const values = await Promise.all(tasks);
      assert.deepEqual(values.map(([x]) => x), tasks.map((_, i) => i));
    });

    await test.step("with space again all records are written", async () => {
      await Deno.remove(filler);
      await remount(dir, "size=64m");
      await eventually(records, (text) => text === "written", "records are written again");
      const ids = tasks.map((task) => task.metadata.msgId);
      const done = await client.query({ completed: { $ne: null } }, ["msg_id"]);
      const known = new Set(done.map((record) => record.msg_id));
      assert.deepEqual(ids.filter((id) => !known.has(id)), []);
      assert.match(await Deno.readTextFile(`${dir}/log/ipcontroller.log`), /Records are written again/);
      await queueIsEmpty(client);
    });
  },
);

/** Takes all the space that is left beside a file. */
function fill(path: string): void {
  using file = Deno.openSync(path, { create: true, write: true });
  for (let size = 1 << 16; size >= 1; size >>= 1) {
    try {
      for (;;) file.writeSync(new Uint8Array(size));
    } catch {
      // So much does not fit any more.
    }
  }
}

async function remount(folder: string, options: string): Promise<void> {
  const args = ["-o", `remount,${options}`, folder];
  assert((await new Deno.Command("mount", { args }).output()).success);
}

Deno.test("a pid file of a dead controller, or of a process that is none, does not stop the next one", async () => {
  await using folder = new RunFolder();
  for (const text of ["999999999\n1\n", `${Deno.pid}\n1\n`, "", "nonsense"]) {
    await Deno.mkdir(`${folder.dir}/pid`, { recursive: true });
    await Deno.writeTextFile(`${folder.dir}/pid/ipcontroller.pid`, text);
    const name = `controller ${JSON.stringify(text)}`.replaceAll(/\W/g, "_");
    const controller = await folder.start(name, ["controller"]);
    await folder.says(name, /writing connection info to .*engine\.json/);
    Deno.kill(controller.id.pid, "SIGTERM");
    assert.equal((await controller.ended).code, 0);
  }
});

Deno.test("two clusters in one folder by their ids; a second of the same id is refused", async () => {
  await using run = await Run.start({ n: 1 });
  const { dir } = run.folder;
  await using second = await Cluster.start({ n: 1, profileDir: dir, clusterId: "second" });
  await using client = await second.client();
  assert.equal(await client.loadBalanced().apply(() => 2), 2);
  assert.equal(await run.client.loadBalanced().apply(() => 1), 1);
  const refused = await run.folder.run("controller", "--cluster-id", "second");
  assert.equal(refused.code, 1);
  assert.match(refused.err, new RegExp(`process ${second.parts[0]!.pid!} is one`));
});
