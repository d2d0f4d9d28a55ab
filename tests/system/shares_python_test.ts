/** Python's clients share Python's engines too: each session is a client. */
import assert from "node:assert/strict";
import { Run } from "./run.ts";

const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");

const PROGRAM = `
import sys, time
import ipyparallel as ipp
a = ipp.Client(sys.argv[1], timeout=20)
b = ipp.Client(sys.argv[1], timeout=20)
a.wait_for_engines(2, timeout=40)
b.wait_for_engines(2, timeout=40)
piled, single = a.load_balanced_view(), b.load_balanced_view()
assert piled.apply_sync(lambda: 1) == 1
many = [piled.apply_async(time.sleep, 0.01) for _ in range(400)]
many[0].get(20)
for i in range(20):
    assert single.apply_sync(lambda x: x + 1, i) == i + 1
done = sum(result.ready() for result in many)
assert a.wait(many, 60)
print(done)
`;

Deno.test({
  name:
    "a Python client's single tasks come back beside 400 of another one (needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)",
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 1 });
    const security = `${run.folder.dir}/security`;
    const start = (args: readonly string[]) =>
      new Deno.Command(PYTHON!, { args: [...args], stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    const engine = start(["-m", "ipyparallel.engine", `--file=${security}/ipcontroller-engine.json`]);
    const drained = engine.output();
    try {
      const { success, stdout, stderr } = await start(["-c", PROGRAM, `${security}/ipcontroller-client.json`])
        .output();
      const decoder = new TextDecoder();
      assert.ok(success, decoder.decode(stderr));
      const done = Number(decoder.decode(stdout));
      // One of the other's beside each of the twenty, and what passes between two of them.
      assert.ok(done < 200, `${done} tasks of the other client ended meanwhile`);
    } finally {
      engine.kill("SIGTERM");
      await drained;
    }
  },
});
