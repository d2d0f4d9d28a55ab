/** Python's client and engines among ours at full rate: everybody gets the own results, each task runs once, and hwm 1 means one for both kinds. */
import assert from "node:assert/strict";
import { PythonPeers, pythonTest } from "../python_peers.ts";
import { eventually, queueIsEmpty } from "../run.ts";
import { Marks, ranAtMost, recordedBy, scaled } from "./counted.ts";

/** Maps so many tasks over Python's engines, each of which leaves its number in a file. */
const PYTHON_CLIENT = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
path, tasks, ours = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
theirs = [i for i in rc.ids if i >= ours]

def mark(i):
    with open(path, "a") as file:
        file.write(f"{i}\\n")
    return i * 2

rc[theirs].push({"path": path}, block=True)
results = rc.load_balanced_view().map_async(mark, range(tasks), chunksize=1)
got = results.get(60)
assert got == [i * 2 for i in range(tasks)], got[:10]
print("right")
`;

const marking = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  return i + 1;
};

for (const hwm of [null, 1]) {
  const how = hwm === null ? "at full rate" : `with hwm ${hwm}, which no engine exceeds`;
  pythonTest(`tasks of a Python client on Python engines among ours, ${how}`, async (stack) => {
    const marks = stack.use(new Marks());
    const controllerArgs = hwm === null ? [] : [`--hwm=${hwm}`];
    const run = stack.use(await marks.start({ n: 2, controllerArgs })), { client } = run;
    const peers = stack.use(new PythonPeers(run.folder));
    peers.startEngines(2);
    await client.waitForEngines(4, { timeoutMs: 40_000 });
    const tasks = scaled(hwm === null ? 20_000 : 5000), theirs = scaled(2000), { path } = marks;
    let isOver = false;
    const watched = (async () => {
      for (let most = 0;;) {
        const { engines } = await client.queueStatus();
        most = Math.max(most, ...Object.values(engines).map(({ tasks }) => Number(tasks)));
        if (isOver) return most;
      }
    })();
    const python = peers.run(PYTHON_CLIENT, path, `${theirs}`, "2").finally(() => isOver = true);
    const items = Array.from({ length: tasks }, (_, i) => theirs + i);
    // Again and again, until Python's have ended too.
    let rounds = 0;
    for (; rounds === 0 || !isOver; rounds++) {
      const numbers = items.map((i) => i + rounds * tasks);
      const results = await client.loadBalanced().map(marking, numbers, numbers.map(() => path));
      assert.deepEqual(results, numbers.map((i) => i + 1));
    }
    assert.equal(await python, "right");
    const most = await watched;
    if (hwm !== null) assert.equal(most, hwm);
    const counts = marks.counts(), all = theirs + rounds * tasks;
    ranAtMost(counts, () => 1);
    assert.equal(counts.size, all);
    await queueIsEmpty(client);
    await eventually(() => recordedBy(client, ["ok"]), ({ ok }) => ok! >= all, "records are there");
  });
}
