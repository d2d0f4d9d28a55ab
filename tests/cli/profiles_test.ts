/** The shipped profiles, their schema, and the commands that make and show profiles. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "jsonc-parser";
import { chooseOptions } from "../../src/base/options.ts";
import { loadProfile, parseProfile, shippedProfiles, shippedText } from "../../src/base/profile.ts";
import { PROFILE_TABLES } from "../../src/cli/command.ts";
import { SCHEMA_FILE, schemaText } from "../../src/cli/profile_schema.ts";
import { CLUSTER_OPTIONS } from "../../src/cluster/options.ts";
import { GUIDE, SCHEMA } from "../schema.ts";
import { withTraitRows } from "./trait_table.ts";
import { tsparallel } from "./tsparallel.ts";

const NAMES = [
  "default",
  "htcondor",
  "lsf",
  "mpi",
  "pbs",
  "python",
  "sge",
  "slurm",
  "ssh",
  "untrusted",
  "winhpc",
];

const schema = JSON.parse(await Deno.readTextFile(SCHEMA));
const isValid = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

Deno.test("the schema and the tables of the guide are what the options say: `deno task schema`", async () => {
  assert.equal(await Deno.readTextFile(SCHEMA), schemaText(PROFILE_TABLES));
  const guide = await Deno.readTextFile(GUIDE);
  assert.equal(guide, withTraitRows(guide));
});

Deno.test("each of our keys that the guide names is an option", async () => {
  const guide = await Deno.readTextFile(GUIDE);
  const keys = [...guide.matchAll(/`(controller|engine|client|cluster)\.(\w+)`/g)];
  assert(keys.length > 80);
  for (const [name, section = "", key = ""] of keys) {
    assert(Object.hasOwn(PROFILE_TABLES[section as keyof typeof PROFILE_TABLES], key), name);
  }
});

Deno.test("the shipped profiles can be loaded by their names, and their schema takes them", async () => {
  assert.deepEqual(await shippedProfiles(), NAMES);
  for (const name of NAMES) {
    const profile = await loadProfile({ name, dir: "/nowhere", tables: PROFILE_TABLES });
    assert.equal(profile.path?.split("/").at(-1), `${name}.jsonc`);
    const text: Record<string, unknown> = parse(await shippedText(name), [], { allowTrailingComma: true });
    assert(isValid(text), `${name}: ${JSON.stringify(isValid.errors)}`);
    assert.equal(text["$schema"], `./${SCHEMA_FILE}`);
  }
  for (const name of NAMES.filter((it) => !["default", "untrusted", "python"].includes(it))) {
    const { sections } = await loadProfile({ name, dir: "/nowhere", tables: PROFILE_TABLES });
    assert.equal(chooseOptions(CLUSTER_OPTIONS, { profile: sections["cluster"] }).engines, name);
  }
});

Deno.test("the schema and the reader agree on what is wrong", () => {
  const cases: readonly [unknown, boolean][] = [
    [{}, true],
    [{
      $schema: "./x.json",
      engine: { runTimeoutMs: null, permissions: { net: ["a:1"], deny: { net: true } } },
    }, true],
    [{ engine: { permissions: "web", permissionSets: { web: { net: true } } } }, true],
    [{ controller: { ports: ["1-3", 5], scheme: "lru", policy: "policy.json" } }, true],
    [{ cluster: { launcher: "MPI", hosts: ["a=2"], n: 3 } }, true],
    [{ controler: {} }, false],
    [{ controller: { pingms: 1 } }, false],
    [{ controller: { pingMs: 1 } }, false],
    [{ controller: { scheme: "best" } }, false],
    [{ cluster: { n: 1.5 } }, false],
    [{ cluster: { n: 0 } }, false],
    [{ cluster: { hosts: [1] } }, false],
    [{ cluster: { launcher: 7 } }, false],
    [{ engine: { permissions: { nett: true } } }, false],
    [{ engine: { permissionSets: { web: { net: "a" } } } }, false],
    [{ engine: [] }, false],
    [{ $schema: 1 }, false],
  ];
  for (const [profile, isRight] of cases) {
    const text = JSON.stringify(profile);
    assert.equal(isValid(profile), isRight, `schema: ${text}`);
    const read = () => parseProfile(text, { path: "p", tables: PROFILE_TABLES });
    if (isRight) read();
    else assert.throws(read, /Cannot read profile p:1/, text);
  }
});

Deno.test("the schema says of every option what it is for, its default, and how else it is given", () => {
  for (const [section, table] of Object.entries(PROFILE_TABLES)) {
    for (const [key, option] of Object.entries(table)) {
      const piece = schema.properties[section].properties[key];
      assert(piece.description.startsWith(option.help), key);
      assert.deepEqual(piece.default, option.default, key);
      assert(isValid({ [section]: { [key]: option.default } }), `${key}: its own default`);
    }
  }
  assert.match(
    schema.properties.controller.properties.pingMs.description,
    /\(ms\); --ping-ms, TSPARALLEL_PING_MS$/,
  );
  assert.equal(schema.properties.controller.properties.port.maximum, 65_535);
});

Deno.test("profile create, list, show, path", async () => {
  const dir = await Deno.makeTempDir();
  const run = (...args: string[]) =>
    tsparallel(["profile", ...args], { IPYTHONDIR: dir, IPP_PROFILE_DIR: "" });
  try {
    const made = await run("create", "night", "--from", "slurm");
    assert.equal(made.code, 0, made.err);
    const path = `${dir}/profile_night/tsparallel.jsonc`;
    assert.equal(await Deno.readTextFile(path), await shippedText("slurm"));
    assert.equal(await Deno.readTextFile(`${dir}/profile_night/${SCHEMA_FILE}`), schemaText(PROFILE_TABLES));
    const again = await run("create", "night");
    assert.deepEqual([again.code, /is there already/.test(again.err)], [2, true]);
    const unknown = await run("create", "day", "--from", "slrum");
    assert.match(unknown.err, /there are default, .*, did you mean "slurm"\?/);
    await assert.rejects(Deno.stat(`${dir}/profile_day`), Deno.errors.NotFound);
    assert.deepEqual((await run("path", "night")).out, `${dir}/profile_night\n`);
    assert.deepEqual((await run("path", "night", "--file")).out, `${path}\n`);
    assert.match((await run("path", "pbs", "--file")).out, /\/profiles\/pbs\.jsonc\n$/);
    assert.equal((await run("show", "mpi")).out, await shippedText("mpi"));
    const list = JSON.parse((await run("list", "--json")).out);
    assert.deepEqual(list.map((it: { name: string }) => it.name), [...NAMES, "night"].sort());
    assert.deepEqual(list.find((it: { name: string }) => it.name === "night").settings, path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("config show names the origin of each value: flag, environment, profile, configuration, shipped profile, default", async () => {
  const dir = await Deno.makeTempDir();
  const show = async (environment: Record<string, string>, ...args: string[]) => {
    const said = await tsparallel(["config", "show", "--json", "--profile-dir", dir, ...args], environment);
    assert.equal(said.code, 0, said.err);
    return JSON.parse(said.out);
  };
  try {
    await Deno.writeTextFile(
      `${dir}/ipcontroller_config.py`,
      "c = get_config()\nc.TaskScheduler.hwm = 2\nc.HeartMonitor.period = 4000\n",
    );
    const shipped = await show({ TSPARALLEL_HWM: "5" }, "--n", "3", "--heartbeat-misses=7");
    assert.deepEqual(Object.keys(shipped), Object.keys(PROFILE_TABLES));
    assert.deepEqual(shipped.cluster.n, { value: 3, origin: { kind: "flag", place: "--n" } });
    assert.deepEqual(shipped.controller.hwm, {
      value: 5,
      origin: { kind: "environment", place: "TSPARALLEL_HWM" },
    });
    assert.deepEqual(shipped.controller.pingMs, {
      value: 4000,
      origin: { kind: "configuration", place: `c.HeartMonitor.period (${dir}/ipcontroller_config.py:3)` },
    });
    assert.equal(shipped.controller.scheme.origin.kind, "shipped profile");
    assert.match(shipped.controller.scheme.origin.place, /\/profiles\/default\.jsonc:\d+$/);
    assert.deepEqual(shipped.controller.ip.origin, { kind: "default", place: "" });
    assert.deepEqual([shipped.controller.heartbeatMisses.value, shipped.engine.heartbeatMisses.value], [
      7,
      7,
    ]);
    await Deno.writeTextFile(
      `${dir}/tsparallel.jsonc`,
      '{\n  "controller": {\n    "pingMs": 500,\n    "key": "k"\n  }\n}',
    );
    const own = await show({}, "--section", "controller");
    assert.deepEqual(Object.keys(own), ["controller"]);
    assert.deepEqual(own.controller.pingMs, {
      value: 500,
      origin: { kind: "profile", place: `${dir}/tsparallel.jsonc:3` },
    });
    assert.deepEqual(own.controller.hwm.value, 2);
    assert.deepEqual(own.controller.key.value, "(secret)");
    const text = await tsparallel(["config", "show", "--profile-dir", dir, "--section", "client"], {});
    assert.match(text.out, /^client +value +from\nconnectTimeoutMs +10000 +default\n/);
    await Deno.writeTextFile(`${dir}/tsparallel.jsonc`, '{\n  "controller": {\n    "pingMS": 500\n  }\n}');
    const wrong = await tsparallel(["config", "show", "--profile-dir", dir]);
    assert.match(wrong.err, /tsparallel\.jsonc:3: Unknown key "controller\.pingMS", did you mean "pingMs"\?/);
    assert.equal(wrong.code, 2);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
