import assert from "node:assert/strict";
import { removeStale, Scratch } from "../../src/engine/scratch.ts";

Deno.test("a child's folder is its owner's alone, and gone with everything in it", async () => {
  const scratch = Scratch.make();
  const { mode, uid } = Deno.statSync(scratch.path);
  assert.equal(mode! & 0o777, 0o700);
  assert.equal(uid, Deno.uid());
  Deno.mkdirSync(`${scratch.path}/a/b`, { recursive: true });
  Deno.writeTextFileSync(`${scratch.path}/a/b/file`, "x");
  Deno.mkdirSync(`${scratch.path}/c/c/c`, { recursive: true });
  Deno.symlinkSync("/etc", `${scratch.path}/link`);
  Deno.chmodSync(`${scratch.path}/a/b`, 0);
  await scratch.remove();
  assert.equal(isThere(scratch.path), false);
  assert.ok(isThere("/etc/passwd"));
});

Deno.test("three thousand folders within each other hold nothing up", async () => {
  const scratch = Scratch.make();
  const code = `Deno.chdir(${JSON.stringify(scratch.path)});
    for (let i = 0; i < 3000; i++) { Deno.mkdirSync("d"); Deno.chdir("d"); }`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
  }).output();
  assert.ok(success || isThere(`${scratch.path}/d`));
  await scratch.remove();
  assert.equal(isThere(scratch.path), false);
});

Deno.test("folders of hosts that were killed are removed, those of living ones not", async () => {
  const folder = Deno.makeTempDirSync();
  const born = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]!.split(" ")[19];
  const mine = `${folder}/tsparallel-slot-${Deno.pid}-${born}-a`;
  const other = `${folder}/tsparallel-slot-${Deno.pid}-1-b`;
  const stranger = `${folder}/something-else`;
  for (const path of [mine, other, stranger]) Deno.mkdirSync(path);
  Deno.mkdirSync(`${other}/within`);
  Deno.symlinkSync(stranger, `${folder}/tsparallel-slot-1-1-c`);
  assert.equal(await removeStale(folder), 1);
  assert.deepEqual([mine, other, stranger].map(isThere), [true, false, true]);
  Deno.removeSync(folder, { recursive: true });
});

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
