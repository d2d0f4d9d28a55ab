/** Broadcasts of Python's client: one by one and coalescing, through flat and deep trees, with errors, aborts, deaths; records of each copy. */
import assert from "node:assert/strict";
import { NEEDS_PYTHON, PYTHON, PYTHON_WAITS, PythonPeers } from "./python_peers.ts";
import { Run } from "./run.ts";

const PRELUDE = `
import os, signal, sys, time
import ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
n = int(sys.argv[2])
rc.wait_for_engines(n, timeout=60)
ours = [int(i) for i in sys.argv[3].split(",") if i]
theirs = [i for i in rc.ids if i not in ours]

${PYTHON_WAITS}
def error_of(ar, timeout=20):
    try:
        value = ar.get(timeout)
    except ipp.error.CompositeError as error:
        return error
    except Exception as error:
        return error
    if isinstance(value, list) and all(isinstance(one, Exception) for one in value):
        return RuntimeError(str(value))
    raise AssertionError("no error, but " + repr(value))
`;

const CALM = `
def where(x):
    import os
    print("said by", os.getpid())
    return os.getpid(), x

pids = rc[theirs].apply_sync(os.getpid)
single = rc.broadcast_view(theirs)
one = single.apply_async(where, 7)
assert one.get(20) == [(pid, 7) for pid in pids], one.get()
one.wait_for_output(20)
assert sorted(one.stdout) == sorted(f"said by {pid}\\n" for pid in pids), one.stdout

together = rc.broadcast_view(theirs, is_coalescing=True)
ar = together.apply_async(where, b"x" * 5000)
assert ar.get(20) == [(pid, b"x" * 5000) for pid in pids]
assert ar.engine_id == theirs, ar.engine_id
assert together.apply_sync(lambda: None) == [None] * len(theirs)

# Each copy has a record, its output in it; another client reads it.
eventually(idle, "the queue is empty")
ids = one.msg_ids
assert len(ids) == len(theirs) and all("_" in i for i in ids)
def complete():
    records = rc.db_query({"msg_id": {"$in": ids}}, keys=["engine_uuid", "queue", "completed", "started", "stdout", "client_uuid", "submitted", "result_content"])
    return records if len(records) == len(ids) and all(r["completed"] and r["stdout"] for r in records) else None
for record in eventually(complete, "the records are complete"):
    assert record["queue"] == "broadcast", record
    assert record["msg_id"].endswith(record["engine_uuid"]), record
    assert record["client_uuid"] == rc.session.session, record
    assert record["submitted"] <= record["started"] <= record["completed"], record
    assert record["stdout"].startswith("said by "), record
    assert record["result_content"]["status"] == "ok", record
assert len(rc.db_query({"queue": "broadcast"}, keys=["msg_id"])) >= len(ids)
other = ipp.Client(sys.argv[1], timeout=20)
assert sorted(other.get_result(ids, block=True).get(20)) == sorted((pid, 7) for pid in pids)
status = other.result_status(ar.msg_ids)
assert status["completed"] == ar.msg_ids, status
whole = other.db_query({"msg_id": ar.msg_ids[0]}, keys=["queue", "result_metadata", "result_buffers"])[0]
assert whole["queue"] == "broadcast" and [i for u, i in whole["result_metadata"]["broadcast_targets"]] == theirs, whole
both = rc.broadcast_view(theirs, is_coalescing=True).apply_async(where, list(range(5)))
both.get(20)
eventually(idle, "the queue is empty")
results = other.get_result(ar.msg_ids + both.msg_ids + [ids[0]], block=True).get(20)
expected = [[(pid, b"x" * 5000) for pid in pids], [(pid, list(range(5))) for pid in pids], one.get()[0]]
assert results == expected, results
completed = rc.queue_status()
assert all(completed[i]["completed"] >= 2 for i in theirs), completed
other.close()

# Some fail: never lost, and the error says which.
def odd(pid):
    import os
    if os.getpid() == pid:
        raise ZeroDivisionError("this one")
    return 1
error = error_of(together.apply_async(odd, pids[0]))
assert isinstance(error, ipp.RemoteError) and error.ename == "ZeroDivisionError", error
assert "1 of %d engines failed" % len(theirs) in error.evalue and "engine %d" % theirs[0] in error.evalue, error.evalue
assert "odd" in str(error.traceback), error.traceback
import contextlib, io
shown = io.StringIO()
with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
    error.print_traceback()
assert "this one" in shown.getvalue() and "odd" in shown.getvalue(), shown.getvalue()
def differ(pid):
    import os
    raise (KeyError if os.getpid() == pid else ValueError)("each its own")
error = error_of(together.apply_async(differ, pids[-1]))
assert error.ename == "CompositeError" and "KeyError" in error.evalue and "ValueError" in error.evalue, error.evalue
error = error_of(single.apply_async(odd, pids[0]))
assert "ZeroDivisionError" in str(error), error

# A cell, one by one.
cell = single.execute("print(6 * 7)")
cell.get(20); cell.wait_for_output(20)
assert cell.stdout == ["42\\n"] * len(theirs), cell.stdout

# Aborted while it waits behind another.
for view in (single, together):
    busy = view.apply_async(time.sleep, 0.5)
    waits = view.apply_async(os.getpid)
    eventually(lambda: all(rc.queue_status()[i]["queue"] == 2 for i in theirs), "each engine has two")
    view.abort(waits)
    error = error_of(waits)
    assert "TaskAborted" in repr(error), repr(error)
    busy.get(20)
eventually(idle, "the queue is empty after aborts")
`;

const TYPESCRIPT = `
mixed = rc.broadcast_view(ours)
cell = mixed.execute("globalThis.x = (globalThis.x ?? 0) + 1; console.log('x is', globalThis.x)")
cell.get(20); cell.wait_for_output(20)
assert cell.stdout == ["x is 1\\n"] * len(ours), cell.stdout
error = error_of(mixed.execute("throw new RangeError('too far')"))
assert "RangeError" in str(error), error
error = error_of(rc.broadcast_view(rc.ids, is_coalescing=True).apply_async(lambda: 1))
assert "%d of %d engines failed" % (len(ours), len(rc.ids)) in error.evalue, error.evalue
busy = mixed.execute("await new Promise((resolve) => setTimeout(resolve, 500))")
waits = mixed.execute("globalThis.x = 100")
mixed.abort(waits)
assert "TaskAborted" in repr(error_of(waits)), error_of(waits)
busy.get(20)
cell = mixed.execute("console.log(globalThis.x)")
cell.get(20); cell.wait_for_output(20)
assert cell.stdout == ["1\\n"] * len(ours), cell.stdout
eventually(idle, "the queue is empty after cells of TypeScript")
`;

const DEATHS = `
pids = rc[theirs].apply_sync(os.getpid)
single, together = rc.broadcast_view(theirs), rc.broadcast_view(theirs, is_coalescing=True)
def die(pid):
    import os, signal, time
    if os.getpid() == pid:
        os.kill(pid, signal.SIGKILL)
    return 1
for view in (single, together):
    victim = theirs.pop()
    ar = view.apply_async(die, pids.pop())
    error = error_of(ar)
    assert "EngineError" in str(error) + repr(error), error
    eventually(lambda: victim not in rc.ids, "the engine is gone")
    single.targets, together.targets = list(theirs), list(theirs)
    eventually(idle, "the queue is empty after a death")
    assert view.apply_sync(lambda: 5) == [5] * len(theirs)
lost = [r for r in rc.db_query({"queue": "broadcast"}, keys=["result_content", "completed"]) if (r["result_content"] or {}).get("ename") == "EngineError"]
assert lost and all(r["completed"] for r in lost), lost
`;

for (const depth of [0, 1, 3]) {
  Deno.test({
    name: `Python's broadcast views on a tree of depth ${depth} ${NEEDS_PYTHON}`,
    ignore: PYTHON === undefined,
    async fn() {
      await using run = await Run.start({ n: 1, controllerArgs: [`--broadcast-depth=${depth}`] });
      await using python = new PythonPeers(run.folder);
      python.startEngines(3);
      const program = `${PRELUDE}${CALM}${TYPESCRIPT}${depth === 1 ? DEATHS : ""}\nprint("all of it worked")`;
      const said = await python.run(program, "4", "0");
      assert.equal(said.split("\n").at(-1), "all of it worked");
      assert.doesNotMatch(said, /stale|unknown result/);
    },
  });
}
