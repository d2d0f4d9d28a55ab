/** Tasks of Python's clients are stopped by ours, on our engines and on Python's. */
import assert from "node:assert/strict";
import type { Client } from "../../src/client/client.ts";
import { NEEDS_PYTHON, PYTHON } from "./python_peers.ts";
import { PATIENCE_MS, Run } from "./run.ts";

const PROGRAM = `
import json, sys, time
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
n = int(sys.argv[2])
rc.wait_for_engines(n, timeout=40)
lview = rc.load_balanced_view()
if n == 1:
    running = rc[0].execute("console.log('begun'); for (;;);")
    f = lambda i: lview.apply(ipp.Reference("Math.max"), i, 0)
    tasks = [running] + [f(i) for i in range(1, 4)]
else:
    rc[1].apply_sync(lambda: 1)
    lview.targets = [1]
    def first():
        import time
        print("begun", flush=True)
        time.sleep(2)
        return 0
    tasks = [lview.apply(first)] + [lview.apply(lambda i: i, i) for i in range(1, 4)]
print(json.dumps([t.msg_ids[0] for t in tasks]), flush=True)
said = []
for t in tasks:
    try:
        said.append(t.get(30))
    except ipp.RemoteError as error:
        said.append([error.ename, error.evalue])
print(json.dumps(said), flush=True)
`;

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!await isSo()) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const hasBegun = async (client: Client, id: string) => {
  const [record] = await client.query({ msg_id: id }, ["stdout"]);
  return String(record?.["stdout"] ?? "").includes("begun");
};

/** Starts the program, and gives the ids of its tasks and, later, what they came to. */
async function program(run: Run, engines: number) {
  const client = new Deno.Command(PYTHON!, {
    args: ["-c", PROGRAM, run.clientFile, String(engines)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(client.stderr).text();
  const reader = client.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const line = async (at: number): Promise<string> => {
    while (text.split("\n").length <= at + 1) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`The program ended: ${await errors}`);
      text += value;
    }
    return text.split("\n")[at]!;
  };
  const ids: string[] = JSON.parse(await line(0));
  const ended = async () => {
    const said: unknown[] = JSON.parse(await line(1));
    await reader.cancel();
    await errors;
    await client.status;
    return said;
  };
  return { ids, ended };
}

Deno.test({
  name: `a Python client's tasks are cancelled on our engines, waiting, assigned and running ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 1 });
    const { client } = run;
    const { ids: [running, assigned, waiting, last], ended } = await program(run, 1);
    await until("the loop begins", () => hasBegun(client, running!));
    await until(
      "all are known",
      async () => (await client.query({ msg_id: last! }, ["msg_id"])).length === 1,
    );
    const words = await client.cancel([waiting!, assigned!, running!], { why: "for a test" });
    assert.deepEqual(words, { [waiting!]: "cancelled", [assigned!]: "cancelling", [running!]: "cancelling" });
    const said = await ended();
    assert.equal(said[3], 3, "the neighbour is untouched");
    for (const one of said.slice(0, 3)) {
      const [ename, evalue] = one as [string, string];
      assert.match(ename, /^(KeyboardInterrupt|TaskCancelled)$/);
      assert.match(evalue, /Cancelled by .*: for a test/);
    }
    const [record] = await client.query({ msg_id: waiting! }, ["status", "post_mortem"]);
    assert.equal(record!["status"], "cancelled");
    assert.equal((record!["post_mortem"] as { by: { why: string } }).by.why, "for a test");
    assert.deepEqual(await client.cancel(waiting!), { [waiting!]: "already cancelled" });
  },
});

Deno.test({
  name:
    `tasks that wait for a Python engine are cancelled, one that runs there is not interrupted ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 1 });
    const { client } = run;
    const engine = new Deno.Command(PYTHON!, {
      args: ["-m", "ipyparallel.engine", `--file=${run.engineFile}`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const { ids: [running, waiting, , last], ended } = await program(run, 2);
      await until("the first begins", () => hasBegun(client, running!));
      await until(
        "all are known",
        async () => (await client.query({ msg_id: last! }, ["msg_id"])).length === 1,
      );
      const words = await client.cancel([waiting!, running!]);
      assert.deepEqual(words, { [waiting!]: "cancelled", [running!]: "asked" });
      const said = await ended();
      assert.deepEqual([said[0], ...said.slice(2)], [0, 2, 3]);
      assert.equal((said[1] as string[])[0], "TaskCancelled");
    } finally {
      engine.kill("SIGTERM");
      await engine.status;
    }
  },
});
