/** Whole numbers of any length that a Python client puts into labels: in records, in tasks that are tried again, and as what queries ask for. */
import assert from "node:assert/strict";
import { PYTHON_WAITS, PythonPeers, pythonTest } from "./python_peers.ts";
import { Run } from "./run.ts";

const PROGRAM = `
import sys, time
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(3, timeout=60)
${PYTHON_WAITS}
NUMBERS = [2**53 + 1, 2**64 - 1, -(2**63), 3]
LONGER = [] if rc.session.packer == "msgpack" else [10**30 + 7, -(10**40) - 1]

def fails_once(path):
    import os
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "again"
    raise ValueError("the first time")

def labels(query):
    return sorted(record["label"] for record in rc.db_query(query, keys=["label"]))

view = rc.load_balanced_view()
for n in NUMBERS + LONGER:
    with view.temp_flags(label=n, retries=1):
        ar = view.apply_async(fails_once, f"{sys.argv[2]}/{n}")
    assert ar.get(20) == "again"
    # The engine gives back what the second try said.
    assert ar.metadata["label"] == n, (ar.metadata["label"], n)
eventually(idle, "the queue is empty")
for n in NUMBERS + LONGER:
    found = rc.db_query({"label": n}, keys=["label", "metadata", "result_metadata"])
    assert [(r["label"], r["metadata"]["label"], r["result_metadata"]["label"]) for r in found] == [(n, n, n)], found
    assert rc.db_query({"label": n + (1 if abs(n) > 2**52 and n < 2**63 else -7)}) == []
assert labels({"metadata.label": {"$gt": 2**53, "$lte": 2**64 - 1}}) == [2**53 + 1, 2**64 - 1]
assert labels({"metadata.label": {"$mod": [2**53, 1]}}) == [2**53 + 1]
for n in LONGER:
    assert labels({"metadata.label": {"$gte": n, "$lt": n + 1}}) == [n]
assert rc.queue_status(verbose=1)[0]["tasks"] == []
for query in ({"submitted": {"$gt": "2026-02-30T00:00:00Z"}}, {"__proto__": 1}):
    try:
        raise AssertionError(rc.db_query(query))
    except ipp.RemoteError as error:
        # The msgpack that we read with takes no such name at all.
        assert error.ename in ("ValueError", "BadMessage" if rc.session.packer == "msgpack" else "KeyError"), error
print("exact")
`;

for (const args of [["--sqlitedb"], ["--dictdb"], ["--packer=msgpack"]]) {
  pythonTest(`whole numbers beyond 2^53 keep their digits, with ${args[0]}`, async () => {
    await using run = await Run.start({ n: 1, controllerArgs: args });
    await using python = new PythonPeers(run.folder);
    python.startEngines(2);
    const folder = await Deno.makeTempDir();
    try {
      assert.equal(await python.run(PROGRAM, folder), "exact");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
