/** Profiles: the shipped ones, a run's own, and what is said about mistakes in them. */
import assert from "node:assert/strict";
import { chooseOptions, number, OptionError, texts } from "../../src/base/options.ts";
import { loadProfile, parseProfile, shippedProfiles } from "../../src/base/profile.ts";
import { CLIENT_OPTIONS } from "../../src/client/options.ts";
import { CLUSTER_OPTIONS } from "../../src/cluster/options.ts";
import { CONTROLLER_OPTIONS } from "../../src/controller/options.ts";
import { ENGINE_OPTIONS } from "../../src/engine/options.ts";

const TABLES = {
  controller: CONTROLLER_OPTIONS,
  engine: ENGINE_OPTIONS,
  client: CLIENT_OPTIONS,
  cluster: CLUSTER_OPTIONS,
};

const SMALL = { engine: { engines: number(1, { unit: "n" }, "Engines"), names: texts("name", "Names") } };

Deno.test("the shipped profiles hold, grant nothing, and differ in isolation and limits", async () => {
  assert((await shippedProfiles()).includes("untrusted"));
  const engine = async (name: string) => {
    const profile = await loadProfile({ name, dir: "/nowhere", tables: TABLES });
    assert.equal(profile.path?.split("/").at(-1), `${name}.jsonc`);
    assert.doesNotMatch(JSON.stringify(profile.sections), /permission|allow|grant/i);
    return chooseOptions(ENGINE_OPTIONS, { profile: profile.sections["engine"] });
  };
  const [usual, untrusted] = [await engine("default"), await engine("untrusted")];
  assert.deepEqual([usual.isolation, untrusted.isolation], ["shared", "process"]);
  assert.deepEqual([usual.sandbox, untrusted.sandbox], ["auto", "strict"]);
  assert.deepEqual([untrusted.runTimeoutMs, untrusted.memoryLimitMB], [60_000, 256]);
  assert((untrusted.outputLimitBytes ?? Infinity) < (usual.outputLimitBytes ?? Infinity));
  assert((untrusted.resultLimitBytes ?? Infinity) < (usual.resultLimitBytes ?? Infinity));
});

Deno.test("the default profile says the same as the options' own defaults", async () => {
  const profile = await loadProfile({ name: "default", dir: "/nowhere", tables: TABLES });
  for (const [section, table] of Object.entries(TABLES)) {
    assert.deepEqual(
      chooseOptions(table, { profile: profile.sections[section] }),
      chooseOptions(table),
      section,
    );
  }
});

Deno.test("loadProfile() takes the run's own file first, and the default for a name that nobody knows", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const unknown = await loadProfile({ name: "mine", dir, tables: TABLES });
    assert.equal(unknown.path?.split("/").at(-1), "default.jsonc");
    await Deno.writeTextFile(`${dir}/tsparallel.jsonc`, '// mine\n{ "engine": { "engines": 3, } }');
    const own = await loadProfile({ name: "untrusted", dir, tables: TABLES });
    assert.deepEqual([own.path, own.sections], [`${dir}/tsparallel.jsonc`, { engine: { engines: 3 } }]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("loadProfile() does not leave the folder of shipped profiles", async () => {
  const profile = await loadProfile({ name: "../deno", dir: "/nowhere", tables: TABLES });
  assert.equal(profile.path?.split("/").at(-1), "default.jsonc");
});

Deno.test("parseProfile() names file, line and the nearest name", () => {
  const message = (text: string) => {
    try {
      parseProfile(text, { path: "p.jsonc", tables: SMALL });
    } catch (error) {
      assert(error instanceof OptionError, String(error));
      return error.message.replace("Cannot read profile ", "");
    }
    return "read";
  };
  assert.equal(
    message('{\n\n  "engien": {} }'),
    'p.jsonc:3: Unknown section "engien", did you mean "engine"?',
  );
  assert.equal(
    message('{\n"engine": {\n// two\n"engins": 2 } }'),
    'p.jsonc:4: Unknown key "engine.engins", did you mean "engines"?',
  );
  assert.equal(message('{ "engine": 3 }'), 'p.jsonc:1: section "engine" is not an object');
  assert.equal(message('{ "engine": { "__proto__": 1 } }'), 'p.jsonc:1: Unknown key "engine.__proto__"');
  assert.equal(
    message('{ "engine": {\n"engines": "x" } }'),
    'p.jsonc:2: Cannot use "x" for "engine.engines": it takes a whole number (n)',
  );
  assert.equal(message('{\n  "engine" {} }'), "p.jsonc:2: colon expected");
  assert.equal(message("[]"), "p.jsonc: it is not an object of sections");
  assert.equal(message('{ "engine": { "names": ["a"], }, }'), "read");
  assert.equal(message(""), "p.jsonc:1: value expected");
});
