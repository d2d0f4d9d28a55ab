/**
 * Every routing scheme under Python's client and engines: which engine gets which task while none of them is done, so that loads are what the test makes them. Each
 * check would fail under another scheme.
 */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { PYTHON_WAITS, PythonPeers, pythonTest } from "./python_peers.ts";
import { RawPeer } from "./raw_peer.ts";
import { eventually } from "./run.ts";

const PRELUDE = `
import os, sys, tempfile, time
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(4, timeout=60)
gate = os.path.join(tempfile.mkdtemp(), "gate")

def behind(gate):
    import os, time
    while not os.path.exists(gate):
        time.sleep(0.005)

${PYTHON_WAITS}
def engines_of(ars):
    open(gate, "w").close()
    for ar in ars:
        ar.get(60)
    eventually(idle, "the queue is empty")
    return [ar.engine_id for ar in ars]
`;

/** One engine has many tasks already, then many come that may go anywhere; nothing ends before all are there. */
const LOADED = `
full, count = rc.ids[0], 300
bound = rc.load_balanced_view(targets=[full])
bound.set_flags(block=False)
load = [bound.apply(behind, gate) for i in range(200)]
free = rc.load_balanced_view()
tasks = [free.apply(behind, gate) for i in range(count)]
chosen = engines_of(load + tasks)
assert set(chosen[:200]) == {full}
chosen = chosen[200:]
counts = [chosen.count(i) for i in rc.ids]
repeats = sum(a == b for a, b in zip(chosen, chosen[1:]))
others = counts[1:]
rounds = [set(chosen[i:i + 4]) for i in range(0, count, 4)]
`;

const EXPECTED: Readonly<Record<string, string>> = {
  // Always the least loaded: the full one gets nothing, the others take turns.
  leastload: "counts == [0, 100, 100, 100] and repeats == 0",
  // In turn, whatever the load.
  lru: "counts == [75, 75, 75, 75] and all(len(r) == 4 for r in rounds) and repeats == 0",
  // A quarter for each, with the repeats of chance: 75 each, standard deviation 7.5.
  plainrandom: "all(40 <= c <= 110 for c in counts) and 45 < repeats < 110 and counts != [75] * 4",
  // Of two the one that waited longer: the last one again only if both draws hit it, 1 in 16.
  twobin: "all(45 <= c <= 105 for c in counts) and 1 <= repeats <= 44",
  // The full one nearly never, the others by chance and not in turn.
  weighted: "counts[0] <= 30 and all(60 <= c <= 140 for c in others) and repeats >= 5",
};

async function withEngines(
  args: readonly string[],
  use: (python: PythonPeers, folder: RunFolder) => Promise<void>,
) {
  await using folder = new RunFolder();
  await folder.start("controller", ["controller", ...args]);
  await folder.says("controller", /writing connection info to .*engine\.json/);
  await using python = new PythonPeers(folder);
  python.startEngines(4);
  // Under pure Python's client gives up when it hears of engine 1 before engine 0: it is to find all of them there.
  for (const id of [0, 1, 2, 3]) await folder.says("controller", new RegExp(`Engine registered id=${id} `));
  await use(python, folder);
}

for (const [scheme, expected] of Object.entries(EXPECTED)) {
  pythonTest(
    `scheme ${scheme} under Python's client`,
    () =>
      withEngines([`--scheme=${scheme}`, "--hwm=0"], async (python) => {
        const check = `assert ${expected}, (counts, repeats, chosen)\nprint("as named")`;
        assert.equal(await python.run(`${PRELUDE}${LOADED}${check}`), "as named");
      }),
  );
}

const PURE = `
view = rc.load_balanced_view()
tasks = [view.apply_async(behind, gate) for i in range(40)]
def told():
    records = rc.db_query({"msg_id": {"$in": [t.msg_ids[0] for t in tasks]}}, keys=["engine_uuid", "queue", "completed"])
    return records if len(records) == 40 else None
eventually(told, "the hub has seen all tasks go by")
# Nobody knows where they are: libzmq dealt them out.
assert all(r["engine_uuid"] is None and r["queue"] == "task" and r["completed"] is None for r in told()), told()
assert rc.queue_status()["unassigned"] == 40
chosen = engines_of(tasks)
assert sorted(chosen[:4]) == rc.ids and chosen == chosen[:4] * 10, chosen
records = rc.db_query({"queue": "task"}, keys=["engine_uuid", "completed"])
assert len(records) == 40 and all(r["completed"] and r["engine_uuid"] in rc._engines.values() for r in records), records
big = view.apply_async(lambda b: b, b"x" * 3_000_000)
assert big.get(20) == b"x" * 3_000_000
failed = view.apply_async(lambda: 1 / 0)
try:
    failed.get(20)
    raise AssertionError("no error")
except ipp.RemoteError as error:
    assert error.ename == "ZeroDivisionError"
assert rc[:].apply_sync(lambda: 3) == [3] * 4
assert rc.broadcast_view(is_coalescing=True).apply_sync(lambda: 4) == [4] * 4
# Nothing is read on the way, so not even where it should go: the next in turn gets it.
with view.temp_flags(targets=[0]):
    assert len({view.apply_async(os.getpid).get(20) for i in range(4)}) == 4
eventually(idle, "the queue is empty")
print("as named")
`;

const NONE = `
assert rc[:].apply_sync(lambda: 3) == [3] * 4
assert rc.broadcast_view().apply_sync(lambda: 4) == [4] * 4
for i in range(2):
    ar = rc.load_balanced_view().apply_async(lambda: 1)
    try:
        ar.get(20)
        raise AssertionError("no error")
    except ipp.RemoteError as error:
        assert "without a task scheduler" in str(error), error
eventually(idle, "the queue is empty")
print("as named")
`;

const AFTERWARDS = `
assert rc[:].apply_sync(lambda: 3) == [3] * 4
if rc._task_scheme == "pure":
    assert rc.load_balanced_view().map_sync(lambda x: x, range(20)) == list(range(20))
print("still there")
`;

/** Nobody reads what goes through libzmq's proxy, so nothing can be wrong with it; the copies for the hub are checked. */
async function sendNonsense(folder: RunFolder): Promise<void> {
  await using client = await Client.connect({ profileDir: folder.dir });
  using peer = new RawPeer(folder.dir, "another key");
  const dropped = async () => (await client.status() as unknown as { dropped: number }).dropped;
  const before = await dropped();
  const junk = [
    [new Uint8Array(0)],
    [crypto.getRandomValues(new Uint8Array(1000))],
    peer.session.message("apply_request", {}),
  ];
  for (const frames of junk) peer.send("task", frames);
  await eventually(dropped, (now) => now >= before + junk.length, "all of it is counted");
}

for (const [scheme, program] of [["pure", PURE], ["none", NONE]] as const) {
  pythonTest(
    `scheme ${scheme} under Python's client`,
    () =>
      withEngines([`--scheme=${scheme}`], async (python, folder) => {
        assert.equal(await python.run(PRELUDE + program), "as named");
        await sendNonsense(folder);
        assert.equal(await python.run(PRELUDE + AFTERWARDS), "still there");
        await using client = await Client.connect({ profileDir: folder.dir });
        assert.throws(
          () => client.loadBalanced({ retries: 1 }).execute("1"),
          new RegExp(`the controller's scheme is "${scheme}"`),
        );
        assert.equal(client.ids.length, 4);
      }),
  );
}
