/** From an engine's ceiling and a task's request to the child that the task needs and what its walls are built from. */
import assert from "node:assert/strict";
import { type GrantHost, Grants, type GrantsOptions } from "../../src/engine/grants.ts";
import { THIS_HOST } from "../../src/engine/grant_host.ts";
import { PermissionDenied } from "../../src/protocol/errors.ts";
import { NO_PERMISSIONS, type PermissionSet, readSet, toJson } from "../../src/protocol/permissions.ts";
import { readAsk } from "../../src/protocol/task_asks.ts";

/** A machine of three links and two programs. */
const HOST: GrantHost = {
  realPath: (path) =>
    path
      .replace(/^\/data\/out(?=\/|$)/, "/etc")
      .replace(/^\/var\/run(?=\/|$)/, "/run"),
  findProgram: (name) => name === "git" || name === "python3" ? `/usr/bin/${name}` : null,
  environment: () => ({ PATH: "/usr/bin", HOME: "/root", AWS_KEY: "k", IPP_CURVE_SECRETKEY: "s", LANG: "C" }),
};

const CEILING = readSet({ read: ["/data", "/var/run"], net: ["*.example.org"], run: ["git"] }, "ceiling");
const WEB = readSet({ net: ["www.example.org:443"] }, "web");
const WIDE = readSet({ net: true }, "wide");

function grants(options: Partial<GrantsOptions> = {}): Grants {
  return new Grants({
    ceiling: CEILING,
    sets: { web: WEB, wide: WIDE },
    isolation: "shared",
    sharing: "all",
    host: HOST,
    name: () => "engine 3",
    ...options,
  });
}

function ask(permissions: unknown, isolation?: unknown) {
  return readAsk({ permissions, isolation });
}

function denial(work: () => unknown): PermissionDenied {
  try {
    work();
  } catch (error) {
    assert(error instanceof PermissionDenied, String(error));
    return error;
  }
  throw new Error("It was granted");
}

Deno.test("who asks for nothing gets the engine's ceiling in the default child", () => {
  const all = grants();
  assert.equal(all.keyFor(null, 1), all.default);
  assert.equal(all.keyFor(ask(null), 2), all.default);
  assert.equal(all.default.number, 0);
  assert.deepEqual(toJson(all.default.permissions), {
    // The folder, what its link leads to, and the program by all of its names.
    read: ["/data", "/run", "/var/run"],
    net: ["*.example.org"],
    run: ["/usr/bin/git", "git"],
  });
});

Deno.test("who asks gets what it asks for, and equal needs are the same key", () => {
  const all = grants();
  const key = all.keyFor(ask({ net: ["api.example.org:443"] }), 1);
  assert.deepEqual(toJson(key.permissions), { net: ["api.example.org:443"] });
  assert.equal(all.keyFor(ask({ net: ["API.example.org:443"] }), 2), key);
  assert.notEqual(all.keyFor(ask("none"), 1), key);
  assert.deepEqual(all.keyFor(ask("none"), 1).permissions, NO_PERMISSIONS);
  assert.deepEqual(toJson(all.keyFor(ask("web"), 1).permissions), toJson(WEB));
  assert.equal(all.keyFor(ask(toJson(CEILING)), 1), all.default, "all that there is, is the default");
});

Deno.test("what is beyond the ceiling is refused by name", () => {
  const all = grants();
  const error = denial(() => all.keyFor(ask({ net: ["api.example.com:443"] }), 1));
  assert.equal(
    error.message,
    'Cannot run this task: it asks for net "api.example.com:443", and engine 3 does not grant it ' +
      "(read /data /run /var/run, net *.example.org, run /usr/bin/git git)",
  );
  assert.deepEqual([error.permission, error.value, error.where], ["net", "api.example.com:443", "engine 3"]);
  assert.match(denial(() => all.keyFor(ask("wide"), 1)).message, /all of net/);
  assert.match(
    denial(() => all.keyFor(ask("wed"), 1)).message,
    /the permission set "wed", and engine 3 does not grant it \("web", "wide"\)/,
  );
});

Deno.test("a link that leads out of a granted folder is refused", () => {
  const all = grants();
  const error = denial(() => all.keyFor(ask({ read: ["/data/out/passwd"] }), 1));
  assert.deepEqual([error.permission, error.value], ["read", "/etc/passwd"]);
  assert.deepEqual(toJson(all.keyFor(ask({ read: ["/var/run/x"] }), 1).permissions), {
    read: ["/run/x", "/var/run/x"],
  });
  assert.deepEqual(toJson(all.keyFor(ask({ read: ["/run/x"] }), 1).permissions), { read: ["/run/x"] });
});

Deno.test("a link that was changed since is refused when the walls are built", () => {
  let target = "/data/a";
  const all = grants({ host: { ...HOST, realPath: (path) => path === "/data/l" ? target : path } });
  const key = all.keyFor(ask({ read: ["/data/l"] }), 1);
  assert.deepEqual(all.grantOf(key, "").permissions.read.allow, ["/data/a", "/data/l"]);
  target = "/etc";
  assert.deepEqual(denial(() => all.grantOf(key, "")).value, "/etc");
});

Deno.test("a program is one by name and by path", () => {
  const all = grants({ ceiling: readSet({ run: ["/usr/bin/python3", "git", "nosuch"] }, "c") });
  for (
    const name of ["python3", "/usr/bin/python3", "git", "/usr/bin/git", "nosuch"]
  ) {
    assert.doesNotThrow(() => all.keyFor(ask({ run: [name] }), 1), name);
  }
  assert.equal(denial(() => all.keyFor(ask({ run: ["/bin/git"] }), 1)).value, "/bin/git");
  const grant = all.grantOf(all.keyFor(ask({ run: ["python3", "nosuch"] }), 1), "/tmp/s");
  assert.deepEqual(grant.permissions.run.allow, ["/usr/bin/python3"]);
  assert.deepEqual(grant.environment, { PATH: "/usr/bin" });
  assert.equal(grant.scratch, "/tmp/s");
});

Deno.test("of the environment only what is granted has a value, and the cluster's own never", () => {
  const environment = (env: PermissionSet) => {
    const all = grants({ ceiling: env });
    return all.grantOf(all.default, "").environment;
  };
  assert.deepEqual(environment(NO_PERMISSIONS), {});
  assert.deepEqual(environment(readSet({ env: ["AWS_*", "LANG", "NONE"] }, "c")), {
    AWS_KEY: "k",
    LANG: "C",
  });
  const all = readSet({ env: true, deny: { env: ["AWS_*"] } }, "c");
  assert.deepEqual(environment(all), { PATH: "/usr/bin", HOME: "/root", LANG: "C" });
  assert.deepEqual(environment(readSet({ env: ["IP*"] }, "c")), {});
});

Deno.test("isolation may be tightened, never loosened", () => {
  const worker = grants({ isolation: "worker" });
  assert.equal(worker.keyFor(ask(null, "process"), 1).isolation, "process");
  assert.equal(worker.keyFor(ask(null, "worker"), 1), worker.default);
  const error = denial(() => worker.keyFor(ask(null, "shared"), 1));
  assert.match(error.message, /asks for isolation "shared", and engine 3 does not grant it \(worker\)/);
});

Deno.test("where clients do not share, each has a key of its own", () => {
  const own = grants({ sharing: "client" });
  const one = own.keyFor(null, 1), two = own.keyFor(null, 2);
  assert.notEqual(one, two);
  assert.equal(own.keyFor(null, 1), one);
  assert.deepEqual([one.client, two.client], [1, 2]);
  assert.notEqual(own.keyFor(ask("web"), 1), own.keyFor(ask("web"), 2));
});

Deno.test("a client's cap narrows what it gets and refuses what it asks for beyond", () => {
  const all = grants();
  const cap = readSet({ read: ["/data/mine"], net: true }, "cap");
  const key = all.keyFor(null, 1, cap);
  assert.deepEqual(toJson(key.permissions), { read: ["/data/mine"], net: ["*.example.org"] });
  assert.equal(denial(() => all.keyFor(ask({ read: ["/data"] }), 1, cap)).value, "/data");
  assert.equal(denial(() => all.keyFor(ask({ net: ["x.com"] }), 1, cap)).value, "x.com");
});

Deno.test("the real machine: links, missing paths, programs", () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    Deno.mkdirSync(`${folder}/real`);
    Deno.symlinkSync(`${folder}/real`, `${folder}/link`);
    assert.equal(THIS_HOST.realPath(`${folder}/link`), `${folder}/real`);
    assert.equal(THIS_HOST.realPath(`${folder}/link/a/b`), `${folder}/real/a/b`);
    assert.equal(THIS_HOST.realPath("/"), "/");
    assert.equal(THIS_HOST.realPath("/no such/x"), "/no such/x");
    const shell = THIS_HOST.findProgram("sh");
    assert(shell !== null && shell.startsWith("/") && shell.endsWith("/sh"));
    assert.equal(THIS_HOST.findProgram("no-such-program"), null);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
