/** What an engine's flags and its profile give together. */
import assert from "node:assert/strict";
import { chooseOptions, OptionError } from "../../src/base/options.ts";
import { parseProfile } from "../../src/base/profile.ts";
import { ENGINE_OPTIONS } from "../../src/engine/options.ts";
import { enginePermissions } from "../../src/engine/permission_options.ts";
import { PERMISSION_FLAGS, permissionArguments, withBareFlags } from "../../src/protocol/permission_flags.ts";
import { toJson } from "../../src/protocol/permissions.ts";

/** The flags of a command line, as they come from its parser. */
function flagsOf(...args: string[]) {
  const flags: Record<string, string[]> = {};
  for (const word of withBareFlags(args)) {
    const [, which, name, value] = /^--(allow|deny)-(\w+)=([^]*)$/.exec(word)!;
    const key = `${which}${name!.charAt(0).toUpperCase()}${name!.slice(1)}`;
    flags[key] = [...flags[key] ?? [], value!];
  }
  return chooseOptions(PERMISSION_FLAGS, { flags });
}

function together(stated: unknown, sets: Record<string, unknown>, ...args: string[]) {
  const options = { permissions: stated, permissionSets: sets };
  const found = enginePermissions(options, flagsOf(...args), { place: "own.jsonc:7", base: "/some" });
  return toJson(found.ceiling);
}

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert(error instanceof OptionError, String(error));
    return error.message;
  }
  return "(none)";
}

Deno.test("without profile and flags tasks may do nothing", () => {
  assert.deepEqual(together(null, {}), {});
  assert.deepEqual(together("none", {}), {});
});

Deno.test("a profile that says nothing leaves the flags free", () => {
  const given = together(
    null,
    {},
    "--allow-read=/data,rel",
    "--allow-net",
    "--allow-env=AWS_*",
    "--deny-net=a",
  );
  assert.deepEqual(given, {
    read: ["/data", "/some/rel"],
    net: true,
    env: ["AWS_*"],
    deny: { net: ["a"] },
  });
  assert.deepEqual(together(null, {}, "--allow-net=:80"), {
    net: ["0.0.0.0:80", "127.0.0.1:80", "localhost:80"],
  });
  assert.deepEqual(together(null, {}, "--allow-net=a", "--allow-net=b:1"), { net: ["a", "b:1"] });
  assert.deepEqual(together(null, {}, "--deny-net"), {}, "a denial alone allows nothing");
});

Deno.test("flags narrow what a profile states, and cannot go beyond it", () => {
  const stated = { read: ["/data"], net: true, env: ["HOME"] };
  assert.deepEqual(together(stated, {}), stated);
  assert.deepEqual(together(stated, {}, "--allow-read=/data/a", "--allow-net=a:1"), {
    read: ["/data/a"],
    net: ["a:1"],
  });
  assert.deepEqual(together(stated, {}, "--deny-net=a", "--deny-env"), {
    read: ["/data"],
    net: true,
    deny: { net: ["a"] },
  });
  assert.equal(
    problem(() => together(stated, {}, "--allow-read=/etc")),
    'Cannot allow read "/etc": flags can only narrow what the profile states as "engine.permissions" (own.jsonc:7)',
  );
  assert.match(problem(() => together(stated, {}, "--allow-read")), /Cannot allow all of read:/);
  assert.match(problem(() => together("none", {}, "--allow-sys=cpus")), /Cannot allow sys "cpus"/);
});

Deno.test("a profile may state a set by its name", () => {
  const sets = { web: { net: ["a:1"] } };
  assert.deepEqual(together("web", sets), { net: ["a:1"] });
  assert.match(
    problem(() => together("wed", sets)),
    /"wed" for "engine.permissions" \(own.jsonc:7\): "engine.permissionSets" has web/,
  );
});

Deno.test("a flag that cannot be used is named with its value", () => {
  const said = (...args: string[]) => problem(() => flagsOf(...args));
  assert.match(said("--allow-net=host:port"), /"host:port" for "--allow-net": "port" is no port/);
  assert.match(said("--deny-sys=nope"), /"nope" for "--deny-sys": it takes hostname/);
  assert.match(said("--allow-read="), /"" for "--allow-read": a path cannot be empty/);
  assert.match(said("--allow-run=git,,ls"), /"" for "--allow-run": a program's name cannot be empty/);
  assert.match(said("--allow-run=*"), /"\*" for "--allow-run": to allow everything, give it without a value/);
});

Deno.test("in the environment a star stands for everything", () => {
  const environment = (name: string) =>
    ({ TSPARALLEL_ALLOW_READ: "*", TSPARALLEL_DENY_READ: "/etc,/root" } as Record<string, string>)[name];
  const flags = chooseOptions(PERMISSION_FLAGS, { environment });
  assert.deepEqual(permissionArguments(flags), ["--allow-read", "--deny-read=/etc,/root"]);
});

Deno.test("a flag without a value does not take the next word", () => {
  const words = withBareFlags(["exec", "--allow-net", "code", "--allow-read=/x", "--", "--allow-env"]);
  assert.deepEqual(words, ["exec", "--allow-net=\0", "code", "--allow-read=/x", "--", "--allow-env"]);
  assert.deepEqual(permissionArguments(flagsOf("--allow-net", "--deny-read=/a", "--deny-read=/b")), [
    "--allow-net",
    "--deny-read=/a,/b",
  ]);
});

Deno.test("a profile's mistakes are named with file and line", () => {
  const read = (text: string) =>
    problem(() => parseProfile(text, { path: "p.jsonc", tables: { engine: ENGINE_OPTIONS } }));
  assert.match(
    read('{ "engine": {\n"permissions": { "nett": true } } }'),
    /p\.jsonc:2: Unknown permission "engine\.permissions\.nett", did you mean "net"/,
  );
  assert.match(
    read('{ "engine": {\n\n"permissionSets": { "web": { "net": ["a:b"] } } } }'),
    /p\.jsonc:3: Cannot use "a:b" for "engine\.permissionSets\.web\.net"/,
  );
  assert.match(read('{ "engine": { "permissionSets": { "none": {} } } }'), /"none" is taken/);
  assert.match(read('{ "engine": { "allowRead": ["/x"] } }'), /Unknown key "engine\.allowRead"/);
  assert.equal(read('{ "engine": { "permissions": "none", "permissionSets": {} } }'), "(none)");
});
