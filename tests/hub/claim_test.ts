import assert from "node:assert/strict";
import { claimProfile } from "../../src/hub/claim.ts";

Deno.test("claimProfile() refuses a profile that is claimed and takes one whose holder has ended", async () => {
  const folder = Deno.makeTempDirSync();
  const child = new Deno.Command("sleep", { args: ["30"] }).spawn();
  const stat = Deno.readTextFileSync(`/proc/${child.pid}/stat`);
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  Deno.mkdirSync(`${folder}/pid`);
  const file = `${folder}/pid/ipcontroller.pid`;
  Deno.writeTextFileSync(file, `${child.pid}\n${start}\n`);
  assert.throws(() => claimProfile(folder, ""), new RegExp(`process ${child.pid} is one`));
  claimProfile(folder, "other")[Symbol.dispose]();
  child.kill("SIGKILL");
  await child.status;
  const claim = claimProfile(folder, "");
  assert.equal(Deno.readTextFileSync(file).split("\n")[0], String(Deno.pid));
  assert.throws(() => claimProfile(folder, ""), /is one/);
  claim[Symbol.dispose]();
  claim[Symbol.dispose]();
  assert.throws(() => Deno.statSync(file), Deno.errors.NotFound);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("claimProfile() takes a pid that was given to another process, and rubbish, for stale", () => {
  const folder = Deno.makeTempDirSync();
  Deno.mkdirSync(`${folder}/pid`);
  for (const text of [`${Deno.pid}\n1\n`, "", "no pid\n", "-1\n"]) {
    Deno.writeTextFileSync(`${folder}/pid/ipcontroller-x.pid`, text);
    claimProfile(folder, "x")[Symbol.dispose]();
  }
  Deno.removeSync(folder, { recursive: true });
});
