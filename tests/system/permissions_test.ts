/** Permissions from flag and profile over hub, scheduler and engine to the task and its record: real processes, real walls. */
import assert from "node:assert/strict";
import { type Client, EngineError, PermissionDenied } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { errorOf, eventually, Run } from "./run.ts";

async function denialOf(promise: PromiseLike<unknown>): Promise<PermissionDenied> {
  const error = await errorOf(promise);
  assert(error instanceof PermissionDenied, String(error));
  return error;
}

function fields({ permission, value, where }: PermissionDenied) {
  return { permission, value, where };
}

/** The record of the one task with this label, when it is there. */
async function recordOf(client: Client, label: string) {
  const keys = ["permissions", "isolation", "sandbox", "status", "result_content"];
  const [record] = await eventually(
    () => client.query({ label, completed: { $ne: null } }, keys),
    ([record]) => record !== undefined,
    `task ${label} has its record`,
  );
  return record!;
}

Deno.test("permissions: engines of different flags, and tasks that ask", async (test) => {
  await using run = await Run.start({ n: 1 });
  const { client, folder } = run;
  const data = Deno.realPathSync(folder.dir) + "/data";
  Deno.mkdirSync(data);
  Deno.writeTextFileSync(`${data}/a.txt`, "hello");
  Deno.symlinkSync("/etc", `${data}/out`);
  await folder.start("reader", [
    "engine",
    `--allow-read=${data}`,
    "--allow-sys=cpus,hostname",
    "--deny-sys=hostname",
  ]);
  await client.waitForEngines(2);
  const view = client.loadBalanced();
  const read = (path: string) => Deno.readTextFileSync(path);

  await test.step("status shows what each engine grants", async () => {
    const { engines } = await client.status() as { engines: Record<string, unknown>[] };
    assert.deepEqual(engines.map(({ permissions, sets, isolation }) => ({ permissions, sets, isolation })), [
      { permissions: {}, sets: {}, isolation: "shared" },
      { permissions: { read: [data], sys: ["cpus"] }, sets: {}, isolation: "shared" },
    ]);
    const { out } = await folder.run("status");
    assert.match(out, /tasks may/);
    assert.match(out, /\bnone\b/);
    assert.match(out, new RegExp(`read ${data.slice(0, 20)}`));
  });

  await test.step("a task that asks goes where it is granted, and gets just that", async () => {
    const asking = view.with({ permissions: { read: [data] } });
    const texts = await asking.map(read, Array.from({ length: 40 }, () => `${data}/a.txt`));
    assert.deepEqual(new Set(texts), new Set(["hello"]));
    assert.equal(
      (await denialOf(asking.apply(() => navigator.hardwareConcurrency && Deno.hostname()))).where,
      undefined,
    );
    assert.equal(
      (await denialOf(view.with({ permissions: "none", targets: [1] }).apply(read, `${data}/a.txt`)))
        .permission,
      "read",
    );
    assert.equal(
      await view.with({ targets: [1] }).apply(read, `${data}/a.txt`),
      "hello",
      "who asks for nothing gets all",
    );
  });

  await test.step("what nobody grants fails at submit, and says what there is", async () => {
    const denied = await denialOf(
      view.with({ permissions: { net: ["api.example.org:443"] } }).apply(() => 1),
    );
    assert.deepEqual(fields(denied), {
      permission: "net",
      value: "api.example.org:443",
      where: "the scheduler",
    });
    assert.equal(
      denied.message,
      `Cannot run this task: it asks for net "api.example.org:443", and no engine grants it ` +
        `(engine 0: none; engine 1: read ${data}, sys cpus)`,
    );
    assert.equal((await denialOf(view.with({ permissions: { read: true } }).apply(() => 1))).value, "");
    assert.equal((await denialOf(view.with({ permissions: "web" }).apply(() => 1))).value, "web");
    const bound = view.with({ permissions: { read: [data] }, targets: [0] });
    assert.match(
      (await denialOf(bound.apply(() => 1))).message,
      /none of the engines that it is bound to grants/,
    );
  });

  await test.step("direct requests are refused by the engine itself", async () => {
    const denied = await denialOf(
      client.direct(0, { permissions: { read: [data] } }).apply(read, `${data}/a.txt`),
    );
    assert.deepEqual(fields(denied), { permission: "read", value: data, where: "engine 0" });
    assert.match(
      denied.message,
      /^Cannot run this task: it asks for read ".*", and engine 0 does not grant it \(none\)$/,
    );
    assert.equal(denied.engine.engine_id, 0);
    const granted = client.direct(1, { permissions: { read: [`${data}/a.txt`] } });
    assert.equal(await granted.apply(read, `${data}/a.txt`), "hello");
  });

  await test.step("a link in a granted folder does not lead out of it", async () => {
    const asked = { permissions: { read: [`${data}/out/passwd`] } };
    const denied = await denialOf(view.with(asked).apply(read, `${data}/out/passwd`));
    assert.deepEqual(fields(denied), { permission: "read", value: "/etc/passwd", where: "engine 1" });
    await assert.rejects(client.direct(1).apply(read, `${data}/out/passwd`));
  });

  await test.step("a malformed request is refused at the call", () => {
    assert.throws(() => view.with({ permissions: { nett: true } as never }), {
      name: "TypeError",
      message: /Unknown permission "permissions\.nett", did you mean "net"/,
    });
    assert.throws(
      () => view.with({ permissions: { read: ["data"] } }),
      /"permissions\.read": it takes absolute/,
    );
    assert.throws(
      () => view.with({ isolation: "proces" as never }),
      /for "isolation": it takes shared, worker/,
    );
    assert.throws(
      () => client.direct(0, { limits: { cpuLimitMS: 1 } as never }),
      /did you mean "cpuLimitMs"/,
    );
  });

  await test.step("records name what a task got", async () => {
    const labelled = (label: string, more = {}) => view.with({ label, ...more });
    await labelled("plain", { targets: [0] }).apply(() => 1);
    await labelled("all", { targets: [1] }).apply(() => 1);
    await labelled("asked", { permissions: { read: [`${data}/./a.txt`] }, isolation: "process" }).apply(() =>
      1
    );
    await errorOf(labelled("denied", { permissions: { ffi: true } }).apply(() => 1));
    const plain = await recordOf(client, "plain");
    assert.deepEqual([plain["permissions"], plain["isolation"]], [{}, "shared"]);
    assert.match(String(plain["sandbox"]), /deno/);
    assert.deepEqual((await recordOf(client, "all"))["permissions"], { read: [data], sys: ["cpus"] });
    const asked = await recordOf(client, "asked");
    assert.deepEqual([asked["permissions"], asked["isolation"]], [{ read: [`${data}/a.txt`] }, "process"]);
    const denied = await recordOf(client, "denied");
    assert.deepEqual([denied["permissions"], denied["status"]], [null, "error"]);
    assert.equal((denied["result_content"] as Record<string, unknown>)["ename"], "PermissionDenied");
    const found = await client.query({ "permissions.read": { $ne: null }, isolation: "process" }, ["label"]);
    assert.deepEqual(found.map(({ label }) => label), ["asked"]);
  });

  await test.step("exec takes permissions, isolation and limits", async () => {
    const exec = (...args: string[]) => folder.run("exec", "--targets=1", ...args);
    const path = `${data}/a.txt`;
    const granted = await exec(
      `--allow-read=${path}`,
      "--isolation=process",
      `Deno.readTextFileSync("${path}")`,
    );
    assert.match(granted.out, /hello/, granted.err);
    const none = await exec("--permissions=none", `Deno.readTextFileSync("${path}")`);
    assert.match(none.err, /PermissionDenied/);
    const beyond = await exec("--allow-net", "1");
    assert.match(beyond.err, /asks for all of net/);
    assert.match(
      (await exec("--allow-read=data", "1")).err,
      /"data" for "--allow-read": it takes absolute paths/,
    );
    assert.match((await exec("--allow-all", "1")).err, /There is no "--allow-all"/);
    assert.match((await exec("--cpu-limit-ms=100", "for (;;);")).err, /LimitExceeded: .*CPU time/);
  });

  await test.step("when the last engine that could have them has left, waiting tasks end", async () => {
    const busy = view.with({ targets: [1] }).apply(() => {
      for (;;);
    });
    const asking = view.with({ permissions: { sys: ["cpus"] } });
    const waiting = Array.from({ length: 100 }, (_, i) => errorOf(asking.apply((i: number) => i, i)));
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Object.values(engines).some(({ tasks }) => Number(tasks) > 0),
      "the engine has a task",
    );
    await client.shutdown({ targets: [1] });
    await errorOf(busy);
    const errors = await Promise.all(waiting);
    // What was next in the engine's hands may have run; all else knows better.
    const denied = errors.filter((error) => error instanceof PermissionDenied);
    const lost = errors.filter((error) => error instanceof EngineError);
    assert.equal(denied.length + lost.length, 100);
    assert(denied.length >= 36, `${denied.length} were told that nobody can have them`);
    assert.deepEqual(fields(denied.at(-1)!), { permission: "sys", value: "cpus", where: "the scheduler" });
  });
});

Deno.test("permissions of a profile: ceiling, named sets, and flags that cannot go beyond", async () => {
  await using folder = new RunFolder();
  Deno.writeTextFileSync(
    `${folder.dir}/tsparallel.jsonc`,
    `{
  "engine": {
    "permissions": { "sys": ["cpus", "hostname"], "env": ["LANG", "HOME"] },
    "permissionSets": { "host": { "sys": ["hostname"] }, "wide": { "net": true } }
  }
}`,
  );
  const beyond = await folder.run("engine", "--allow-net=example.org");
  assert.equal(beyond.code, 2);
  assert.match(
    beyond.err,
    /Cannot allow net "example\.org": flags can only narrow what the profile states as "engine\.permissions" \(.*tsparallel\.jsonc:3\)/,
  );
  await folder.start("controller", ["controller", "--ping=150"]);
  await folder.says("controller", /Hub ready/);
  const { Client } = await import("../../src/client/client.ts");
  await using client = await Client.connect({ file: `${folder.dir}/security/ipcontroller-client.json` });
  await folder.start("engine", ["engine", "--deny-env=HOME", "--allow-sys=hostname", "--allow-env"]);
  await folder.says("engine", /Cannot allow all of env/);
  await folder.start("narrow", ["engine", "--deny-env=HOME"], {
    LANG: "C.UTF-8",
    HOME: `${folder.dir}/home`,
  });
  await client.waitForEngines(1);
  const { engines } = await client.status() as { engines: Record<string, unknown>[] };
  assert.deepEqual(engines[0]!["permissions"], { env: ["LANG"], sys: ["cpus", "hostname"] });
  const view = client.loadBalanced();
  const variables = () =>
    ["LANG", "HOME"].map((name) => {
      try {
        return Deno.env.get(name);
      } catch (error) {
        return (error as Error).name;
      }
    });
  assert.deepEqual(await view.apply(variables), ["C.UTF-8", "NotCapable"]);
  assert.equal(await view.with({ permissions: "host" }).apply(() => Deno.hostname()), Deno.hostname());
  assert.equal((await denialOf(view.with({ permissions: "wide" }).apply(() => 1))).permission, "net");
  const unknown = await denialOf(view.with({ permissions: "hots" }).apply(() => 1));
  assert.match(
    unknown.message,
    /the permission set "hots", and no engine grants it \(engine 0: "host", "wide"\)/,
  );
});

Deno.test("permissions given to cluster start reach its engines, in the background too", async () => {
  await using folder = new RunFolder();
  const started = await folder.run(
    "cluster",
    "start",
    "-n",
    "1",
    "--daemonize",
    "--allow-sys",
    "--deny-sys=cpus",
  );
  assert.equal(started.code, 0, started.err);
  const { out } = await folder.run("status", "--json");
  assert.deepEqual(JSON.parse(out).engines[0].permissions, { sys: true, deny: { sys: ["cpus"] } });
  const all = await folder.run("exec", "await Promise.all([Deno.hostname(), Deno.osRelease()])");
  assert.equal(all.code, 0, all.err);
  await folder.run("cluster", "stop");
  await folder.isDeserted();
});
