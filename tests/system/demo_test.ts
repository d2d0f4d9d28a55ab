import assert from "node:assert/strict";

Deno.test("the demo computes on a cluster, draws its plot, tells the speed-up, and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  const temporary = `${folder}/tmp`;
  await Deno.mkdir(temporary);
  try {
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-prompt", "--unstable-worker-options", main, "demo", "--quick"],
      cwd: folder,
      env: { TMPDIR: temporary, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.match(said, /│ ORD +│ 166,341 │/);
    assert.match(said, /Speed-up against one engine: \d\.\d\d/);
    assert.match(await Deno.readTextFile(`${folder}/flights.svg`), /^<svg /);
    assert.deepEqual([...Deno.readDirSync(temporary)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
