import assert from "node:assert/strict";
import { effective } from "../../src/engine/effective.ts";
import { type Grant, NO_GRANT } from "../../src/engine/slot_contract.ts";
import { cannotHold, specialStart } from "../../src/engine/special_start.ts";
import { readSet } from "../../src/protocol/permissions.ts";

function grantOf(request: object, rest: Partial<Grant> = {}): Grant {
  return { ...NO_GRANT, permissions: readSet(request, "permissions"), ...rest };
}

const COMMAND = ["deno", "run", "-A", "--no-remote", "child.js"];

Deno.test("effective(): the child's own folder stands for its word, and nothing does where it has none", () => {
  const request = { read: ["$SCRATCH/in", "/data"], write: ["$SCRATCH"] };
  const { read, write } = effective(grantOf(request, { scratch: "/tmp/mine" }), []);
  assert.deepEqual([new Set(read.allow as string[]), write.allow], [
    new Set(["/tmp/mine/in", "/data"]),
    ["/tmp/mine"],
  ]);
  assert.deepEqual(effective(grantOf(request), []).write.allow, []);
});

Deno.test("effective(): denials become lists of what is left, links left out", () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  for (const path of ["a", "b/c", "b/d"]) Deno.mkdirSync(`${folder}/${path}`, { recursive: true });
  Deno.symlinkSync("/etc", `${folder}/link`);
  const { read } = effective(grantOf({ read: [folder], deny: { read: [`${folder}/b/c`] } }), []);
  assert.deepEqual([...read.allow as string[]].toSorted(), [`${folder}/a`, `${folder}/b/d`]);
  const rest = effective(
    grantOf({ env: true, sys: ["hostname", "uid"], deny: { env: ["B"], sys: ["uid"] } }, {
      environment: { A: "1" },
    }),
    [],
  );
  assert.deepEqual([rest.env.allow, rest.sys.allow], [["A"], ["hostname"]]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("specialStart(): flags for denials, the loader's remote half for imports, nothing for the rest", () => {
  assert.equal(specialStart(grantOf({ read: ["/data"], net: ["a.example"] }), false), undefined);
  assert.equal(specialStart(grantOf({ env: true, deny: { env: ["A"] } }), false), undefined);
  const denied = specialStart(grantOf({ read: ["/da,ta"], deny: { read: ["/da,ta/x"] } }), false);
  assert.deepEqual(denied?.held, ["read"]);
  const command = denied?.command(COMMAND, true) ?? [];
  assert.ok(!command.includes("-A"));
  assert.ok(command.includes("--allow-read=/da,,ta") && command.includes("--deny-read=/da,,ta/x"));
  assert.ok(command.includes("--allow-net") && command.includes("--no-remote"));
  assert.deepEqual(denied?.command(COMMAND, false), COMMAND);
  const remote = specialStart(grantOf({ import: ["a.example"] }, { scratch: "/tmp/mine" }), false);
  assert.deepEqual(remote?.command(COMMAND, true), ["deno", "run", "-A", "child.js"]);
  assert.deepEqual(remote?.environment, { DENO_DIR: "/tmp/mine/.deno" });
});

Deno.test("cannotHold(): what a compiled program cannot, it says", () => {
  const of = (request: object, isCompiled = true) => cannotHold(readSet(request, "permissions"), isCompiled);
  assert.equal(of({ net: true, deny: { net: ["a.example"] } }, false), undefined);
  assert.match(of({ net: true, deny: { net: ["a.example"] } }) ?? "", /the denial of net "a\.example"/);
  assert.match(of({ import: ["a.example"] }) ?? "", /cannot import modules/);
  assert.equal(of({ read: ["/data"], deny: { read: ["/data/x"] } }), undefined);
  assert.equal(of({ net: ["a.example"], env: true, deny: { env: ["A"] } }), undefined);
});
