/** Which kind of engine gets a Python client's tasks, and what becomes of those that wait when engines come and go or the client aborts them. */
import assert from "node:assert/strict";
import { PYTHON_WAITS, PythonPeers, pythonTest } from "./python_peers.ts";
import { queueIsEmpty, Run } from "./run.ts";

const PRELUDE = `
import os, signal, sys, tempfile, time
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
ours = [0, 1]

def behind(gate):
    import os, time
    while not os.path.exists(gate):
        time.sleep(0.005)
    return os.getpid()

def gate():
    return os.path.join(tempfile.mkdtemp(), "gate")

def error_of(ar, timeout=20):
    try:
        value = ar.get(timeout)
    except Exception as error:
        return error
    raise AssertionError("no error, but " + repr(value))

def refused(ar, timeout=20):
    error = error_of(ar, timeout)
    assert isinstance(error, ipp.RemoteError) and error.ename not in ("EngineError", "TaskTimeout"), error
    assert "TypeScript" in error.evalue, error.evalue
    return error

${PYTHON_WAITS}`;

const BEFORE = `
# Nobody but ours: they get the tasks and say why they cannot run them.
rc.wait_for_engines(2, timeout=40)
refused(rc.load_balanced_view().apply_async(os.getpid))
print("alone")
`;

const TOGETHER = `
rc.wait_for_engines(4, timeout=60)
theirs = [i for i in rc.ids if i not in ours]
pids = dict(zip(theirs, rc[theirs].apply_sync(os.getpid)))
view = rc.load_balanced_view()

# Untargeted: to Python's engines only.
assert set(view.map_sync(lambda i: __import__("os").getpid(), range(40))) == set(pids.values())

# Named: whichever kind, with retries, time-outs and dependencies.
named = rc.load_balanced_view(targets=ours)
for i in range(6):
    error = refused(named.apply_async(os.getpid))
with named.temp_flags(retries=1):
    again = named.apply_async(os.getpid)
refused(again)
assert again.engine_id in ours, again.engine_id
with named.temp_flags(retries=7):
    error = error_of(named.apply_async(os.getpid))
assert error.ename == "ImpossibleDependency", error
good = view.apply_async(os.getpid); good.get(20)
with named.temp_flags(after=good, timeout=20):
    refused(named.apply_async(os.getpid))
with view.temp_flags(follow=again):
    error = error_of(view.apply_async(os.getpid))
assert error.ename == "ImpossibleDependency", error
with view.temp_flags(follow=ipp.Dependency(again, success=False, failure=True)):
    ar = view.apply_async(os.getpid)
refused(ar)
assert ar.engine_id == again.engine_id, (ar.engine_id, again.engine_id)
with view.temp_flags(after="nobody"):
    error = error_of(view.apply_async(os.getpid))
assert error.ename == "InvalidDependency", error
eventually(idle, "nothing is left of the tries")
with view.temp_flags(retries=5, timeout=1):
    ar = view.apply_async(lambda: 1 / 0)
eventually(lambda: rc.queue_status()["unassigned"] == 1 and not any(rc.queue_status()[i]["tasks"] for i in theirs), "it waits for a third engine")
assert error_of(ar).ename == "TaskTimeout", error_of(ar)
eventually(idle, "nothing is left of the failed tries")

# Both busy: what waits is aborted at once, and what times out ends.
door = gate()
busy = [view.apply_async(behind, door) for i in theirs]
waits = view.apply_async(os.getpid)
with view.temp_flags(timeout=0.2):
    late = view.apply_async(os.getpid)
last = view.apply_async(os.getpid)
view.abort(waits)
assert "TaskAborted" in repr(error_of(waits)), error_of(waits)
def recorded():
    records = rc.db_query({"msg_id": waits.msg_ids[0]}, keys=["result_content"])
    return records and (records[0]["result_content"] or {}).get("status") == "aborted"
eventually(recorded, "the record says so too")
assert error_of(late).ename == "TaskTimeout", error_of(late)
assert not any(b.ready() for b in busy)
open(door, "w").close()
assert sorted(b.get(20) for b in busy) == sorted(pids.values())
assert last.get(20) in pids.values()
eventually(idle, "the queue is empty after an abort")

# One after another they go. What waits for Python ends up with ours, which say so.
door = gate()
busy = [view.apply_async(behind, door) for i in theirs]
waits = [view.apply_async(os.getpid) for i in range(3)]
eventually(lambda: all(rc.queue_status()[i]["tasks"] == 1 for i in theirs), "both are busy")
for i in theirs:
    os.kill(pids[i], signal.SIGKILL)
for ar in waits:
    refused(ar)
for ar in busy:
    error = error_of(ar)
    assert error.ename == "EngineError", error
eventually(idle, "the queue is empty after deaths")
print("together")
`;

pythonTest(
  "tasks of Python's client go to Python's engines, to named ones of either kind, and to ours where nobody else is",
  async () => {
    await using run = await Run.start({ n: 2 });
    await using python = new PythonPeers(run.folder);
    assert.equal(await python.run(PRELUDE + BEFORE), "alone");
    python.startEngines(2);
    const together = python.run(PRELUDE + TOGETHER);
    // Ours meanwhile, beside them.
    await run.client.waitForEngines(4, { timeoutMs: 20_000 });
    const ids = await run.client.loadBalanced().map(
      (i: number) => i + 1,
      Array.from({ length: 500 }, (_, i) => i),
    );
    assert.equal(ids.length, 500);
    assert.equal(await together, "together");
    await queueIsEmpty(run.client);
  },
);
