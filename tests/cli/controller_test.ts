/** `tsparallel controller`, `hub` and `scheduler` as processes: what they write, what they refuse, and how they end. */
import assert from "node:assert/strict";
import { hasEnded } from "../../src/cluster/process.ts";
import { RunFolder } from "./run_folder.ts";

const FILES = ["ipcontroller-client.json", "ipcontroller-engine.json", "ipcontroller-scheduler.json"];

Deno.test("a controller says what users of ipcontroller look for, and leaves nothing behind", async () => {
  await using folder = new RunFolder();
  const controller = await folder.start("controller", [
    "controller",
    "--ping=250",
    "--scheme=lru",
    "--log-level=10",
  ]);
  await folder.says(
    "controller",
    /Schedulers are listening[^]*Hub ready|Hub ready[^]*Schedulers are listening/,
  );
  const said = folder.said("controller");
  assert.match(said, /Hub listening on tcp:\/\/127\.0\.0\.1:\d+/);
  assert.match(said, /DB backend: 'SQLite'/);
  assert.match(said, /lru/);
  for (const name of FILES) {
    const path = `${folder.dir}/security/${name}`;
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    if (!name.includes("scheduler")) assert(said.includes(path), said);
  }
  assert.deepEqual(folder.files("pid"), ["ipcontroller.pid"]);
  Deno.kill(controller.id.pid, "SIGINT");
  assert.deepEqual(await controller.ended, { code: 0, signal: null });
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
  assert.doesNotMatch(folder.said("controller"), /\n\s+at /);
});

Deno.test("a second controller is refused, naming the first one's pid; after kill -9 the next one starts", async () => {
  await using folder = new RunFolder();
  const first = await folder.start("first", ["controller"]);
  await folder.says("first", /Schedulers are listening/);
  const second = await folder.run("controller");
  assert.equal(second.code, 1);
  assert.match(
    second.err,
    new RegExp(`^tsparallel: Cannot start a controller .*process ${first.id.pid} is one\\n$`),
  );
  Deno.kill(first.id.pid, "SIGKILL");
  await first.ended;
  await folder.start("third", ["controller"]);
  await folder.says("third", /Schedulers are listening/);
});

Deno.test("a port that is taken gets a sentence with its number", async () => {
  await using folder = new RunFolder();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const said = await folder.run("controller", "--port", String(listener.addr.port));
    assert.equal(said.code, 1);
    assert.match(
      said.err,
      new RegExp(
        `tsparallel: Cannot bind "tcp://127.0.0.1:${listener.addr.port}": the port is taken; .*--ports`,
      ),
    );
    assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
  } finally {
    listener.close();
  }
});

Deno.test("ipcontroller's spellings choose the database", async () => {
  await using folder = new RunFolder();
  await folder.start("controller", [
    "controller",
    "--dictdb",
    "--ip=127.0.0.1",
    "--location=localhost",
    "--hwm=1",
  ]);
  await folder.says("controller", /Schedulers are listening/);
  assert.match(folder.said("controller"), /DB backend: '(?!SQLite)\w+'/);
  assert.equal(folder.files("").some((name) => name.endsWith(".db")), false);
});

Deno.test("hub and scheduler run as processes of their own, started in any order", async () => {
  await using folder = new RunFolder();
  const scheduler = await folder.start("scheduler", ["scheduler"]);
  const hub = await folder.start("hub", ["hub"]);
  await folder.says("hub", /Hub ready/);
  assert.deepEqual(folder.files("security"), FILES);
  Deno.kill(hub.id.pid, "SIGTERM");
  assert.deepEqual(await hub.ended, { code: 0, signal: null });
  assert.equal((await scheduler.ended).code, 0, folder.said("scheduler"));
  assert.deepEqual(folder.files("security"), []);
});

Deno.test("the layout of processes works too", async () => {
  await using folder = new RunFolder();
  const controller = await folder.start("controller", ["controller", "--layout", "process"]);
  await folder.says("controller", /writing connection info to .*engine\.json/);
  Deno.kill(controller.id.pid, "SIGTERM");
  assert.deepEqual(await controller.ended, { code: 0, signal: null });
  await folder.isDeserted();
});

Deno.test("a controller ends when the process that started it for a cluster is gone", async () => {
  await using folder = new RunFolder();
  const script = `import { LocalLauncher } from ${
    JSON.stringify(new URL("../../src/cluster/local.ts", import.meta.url).href)
  };
    import { controllerProgram } from ${
    JSON.stringify(new URL("../../src/cluster/program.ts", import.meta.url).href)
  };
    import { prepareRunFolder } from ${
    JSON.stringify(new URL("../../src/cluster/run_folder.ts", import.meta.url).href)
  };
    prepareRunFolder(Deno.args[0]);
    const place = { profile: "x", profileDir: Deno.args[0], clusterId: "" };
    const program = controllerProgram({ place, args: [], command: null });
    const part = await new LocalLauncher().start({ kind: "controller", n: 0, set: "", place, program, environment: {} });
    console.log(JSON.stringify(part.saved.handle[0]));
    setInterval(() => {}, 1000);`;
  const parent = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--ext=ts", script, folder.dir],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = parent.stdout.getReader();
  const saved = JSON.parse(new TextDecoder().decode((await reader.read()).value));
  await reader.cancel();
  while (folder.files("security").length < FILES.length) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  parent.kill("SIGKILL");
  await parent.status;
  assert(await hasEnded(saved, 5000));
  assert.deepEqual(folder.files("security"), []);
});
