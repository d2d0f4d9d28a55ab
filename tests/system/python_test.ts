/** ipyparallel's own client and engines, unchanged, on our controller. */
import assert from "node:assert/strict";
import { Run } from "./run.ts";

const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");

const PROGRAM = `
import sys
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(4, timeout=40)
ours = [0, 1]
theirs = [i for i in rc.ids if i not in ours]
assert len(theirs) == 2, rc.ids
view = rc[theirs]
view.push({"a": 20}, block=True)
assert view.apply_sync(lambda b: a + b, 22) == [42, 42]
lview = rc.load_balanced_view(targets=theirs)
assert lview.map_sync(lambda x: x * x, range(50)) == [x * x for x in range(50)]
first = lview.apply(lambda: 1)
with lview.temp_flags(after=first):
    second = lview.apply(lambda: 2)
assert second.get(20) == 2
failed = lview.apply(lambda: 1 / 0)
try:
    failed.get(20)
    raise AssertionError("no error came")
except ipp.RemoteError as error:
    assert error.ename == "ZeroDivisionError", error.ename
said = rc[theirs[0]].execute("print('hello from python')", block=True)
assert said.stdout == "hello from python\\n", said.stdout
records = rc.db_query({"msg_id": second.msg_ids[0]}, keys=["completed", "engine_uuid"])
assert len(records) == 1 and records[0]["completed"] is not None, records
ts = rc[0].execute("const xs: number[] = [1, 2, 3]; console.log(xs.length)", block=True)
assert ts.stdout == "3\\n", ts.stdout
print("all of it worked")
`;

Deno.test({
  name:
    "Python's client and engines work beside ours (needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)",
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 2 });
    const security = `${run.folder.dir}/security`;
    const start = (args: readonly string[]) =>
      new Deno.Command(PYTHON!, { args: [...args], stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    const engines = [0, 1].map(() =>
      start(["-m", "ipyparallel.engine", `--file=${security}/ipcontroller-engine.json`])
    );
    const drained = engines.map((engine) => engine.output());
    try {
      const client = start(["-c", PROGRAM, `${security}/ipcontroller-client.json`]);
      const { success, stdout, stderr } = await client.output();
      const decoder = new TextDecoder();
      assert.ok(success, decoder.decode(stderr));
      assert.equal(decoder.decode(stdout).trim(), "all of it worked");
    } finally {
      for (const engine of engines) engine.kill("SIGTERM");
      await Promise.all(drained);
    }
  },
});
