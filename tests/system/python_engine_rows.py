"""Python's client on two TypeScript engines: one function for each thing that an engine must do.

argv: the client's connection file, and the kind of controller ("ours" or "python").  Prints one JSON line per row: its name, and what was
wrong with it or null.
"""
import json
import os
import signal
import sys
import tempfile
import time
import traceback

import ipyparallel as ipp
import numpy as np

rc = ipp.Client(sys.argv[1], timeout=30)
IS_OURS = sys.argv[2] == "ours"
rc.wait_for_engines(3, timeout=60)
ids, spare = rc.ids[:2], rc.ids[2]
view, one = rc[ids], rc[ids[0]]
balanced = rc.load_balanced_view(targets=ids)
everyone = rc.broadcast_view(targets=ids)
VIEWS = {"mux": view, "task": balanced, "broadcast": everyone}
R = ipp.Reference
ROWS = []
CODE = """
function double(x: number) { return x * 2; }
async function later(x: unknown) { await new Promise((r) => setTimeout(r, 5)); return x; }
function say(text: string) { console.log(text); console.error("err " + text); return text.length; }
function fail(text: string): never { throw new RangeError(text); }
function options(a: number, { scale = 1, plus = 0 } = {}) { return a * scale + plus; }
function nothing() {}
function kinds(...args: unknown[]) { return args.map((x) => Object.prototype.toString.call(x).slice(8, -1)); }
function same(x: unknown) { return x; }
function mixed() { return new Map<unknown, unknown>([[1, "x"], ["y", undefined], [[1, 2], [3]]]); }
function cyclic() { const a: any = { b: [] }; a.b.push(a); return a; }
class Counter { n = 5; add(k: number) { return this.n += k; } }
globalThis.counter = new Counter();
globalThis.log = [];
function note(x: unknown) { log.push(x); return log.length; }
"""


def row(name):
    def add(f):
        ROWS.append((name, f))
        return f

    return add


def eventually(ask, what):
    until = time.monotonic() + 30
    while not ask():
        assert time.monotonic() < until, "in vain: " + what
        time.sleep(0.01)


def error_of(call, *args, **kwargs):
    try:
        value = call(*args, **kwargs)
        value = value.get(30) if isinstance(value, ipp.AsyncResult) else value
    except ipp.CompositeError as error:
        return ipp.RemoteError(*error.elist[0][:3], error.elist[0][3])
    except Exception as error:
        return error
    raise AssertionError(f"no error, but {value!r}")


def equal(a, b):
    assert type(a) is type(b) or a == b, f"{a!r} is not {b!r}"
    if isinstance(b, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape and (a == b).all(), f"{a!r} is not {b!r}"
    else:
        assert a == b, f"{a!r} is not {b!r}"


def record_of(ar, key):
    """What the hub's record of a task has under a key, once it has it."""
    found = {}

    def ask():
        found.update(rc.db_query({"msg_id": ar.msg_ids[0]}, keys=["result_metadata", "started", "completed", "header"])[0])
        return found["completed"] is not None

    eventually(ask, "the record is complete")
    return found[key]


def define():
    view.execute(CODE, block=True)


def running(target=one, code="console.log('begun'); for (;;);"):
    """A cell that runs for ever, once it has begun."""
    ar = target.execute(code, silent=False, block=False)
    eventually(lambda: ar.stdout == "begun\n", "the cell begins")
    return ar


@row("1.1-1.2 registered: uuid and id are those of the replies")
def _():
    ar = one.apply_async(R("same"), 1)
    equal(ar.get(30), 1)
    equal(ar.metadata["engine_uuid"], rc._engines[ids[0]])
    equal(ar.metadata["engine_id"], ids[0])


@row("1.3 one engine answers on mux, task and broadcast")
def _():
    for kind, v in VIEWS.items():
        got = v.apply_async(R("double"), 21).get(30)
        equal(got, [42, 42] if kind != "task" else 42)


@row("1.4 the heart beats while code computes")
def _():
    before = list(rc.ids)
    equal(one.execute("const end = Date.now() + 4000; while (Date.now() < end);", block=True).successful(), True)
    equal(rc.ids, before)


@row("1.5 the request's header is the reply's parent, as a whole")
def _():
    ar = one.apply_async(R("double"), 1)
    ar.get(30)
    assert record_of(ar, "started") is not None
    equal(record_of(ar, "header")["msg_id"], ar.msg_ids[0])
    equal(ar.metadata["msg_id"], ar.msg_ids[0])
    assert ar.metadata["submitted"] <= ar.metadata["completed"], ar.metadata
    assert ar.metadata["started"] is not None


@row("1.6 metadata of replies")
def _():
    ar = balanced.apply_async(R("double"), 1)
    ar.get(30)
    md = record_of(ar, "result_metadata")
    for key in "engine", "status", "started", "dependencies_met", "is_broadcast", "is_coalescing", "original_msg_id", "label":
        assert key in md, (key, md)
    equal((md["status"], md["dependencies_met"]), ("ok", True))
    bad = balanced.apply_async(R("fail"), "x")
    error_of(bad.get, 30)
    md = record_of(bad, "result_metadata")
    equal(md["status"], "error")
    equal(md["engine_info"]["method"], "apply")


@row("1.7 an error's content")
def _():
    error = error_of(one.apply_async, R("fail"), "too far")
    equal((error.ename, error.evalue), ("RangeError", "too far"))
    assert "RangeError: too far" in error.traceback, error.traceback
    equal(error.engine_info, {"engine_uuid": rc._engines[ids[0]], "engine_id": ids[0], "method": "apply"})
    error = error_of(one.execute, "throw new TypeError('no')")
    equal((error.ename, error.evalue, error.engine_info["method"]), ("TypeError", "no", "execute"))


@row("1.8 busy, output, idle: what a function prints is there when its result is waited for")
def _():
    for kind, v in VIEWS.items():
        ar = v.apply_async(R("say"), "hello " + kind)
        ar.get(30)
        ar.wait_for_output(30)
        out = ar.stdout if kind == "task" else ar.stdout[0]
        err = ar.stderr if kind == "task" else ar.stderr[0]
        equal((out, err), (f"hello {kind}\n", f"err hello {kind}\n"))


@row("1.9 abort: what waits is aborted, what runs is not; applies and executes")
def _():
    first = one.execute("console.log('begun'); await new Promise((r) => globalThis.go = r)", silent=False, block=False)
    eventually(lambda: first.stdout == "begun\n", "it begins")
    waiting = [one.apply_async(R("note"), "never"), one.execute("note('never')", block=False)]
    rc.abort([ar.msg_ids[0] for ar in waiting] + first.msg_ids, block=True)
    rc.send_signal(signal.SIGINT, targets=ids[0], block=True)
    for ar in waiting:
        assert isinstance(error_of(ar.get, 30), ipp.TaskAborted), ar
    error_of(first.get, 30)
    define()
    equal(one.apply_sync(R("note"), 1), 1)


@row("1.9 clear while nothing runs, in its turn")
def _():
    one.push({"gone": 1}, block=True)
    rc.clear(targets=ids[0], block=True)
    equal(error_of(one.pull, "gone", block=True).ename, "NameError")
    define()


@row("1.9 signal: SIGINT interrupts an applied function that never ends, and the engine goes on")
def _():
    one.execute("function forever() { console.log('begun'); for (;;); }", block=True)
    ar = one.apply_async(R("forever"))
    eventually(lambda: ar.stdout == "begun\n", "it begins")
    rc.send_signal(signal.SIGINT, targets=ids[0], block=True)
    equal(error_of(ar.get, 30).ename, "KeyboardInterrupt")
    equal(error_of(one.pull, "counter", block=True).ename, "NamespaceLost")
    define()
    equal(one.apply_sync(R("double"), 4), 8)


@row("1.12 requests that come together run one after the other, in their order")
def _():
    one.execute("globalThis.log = []", block=True)
    ars = []
    for i in range(20):
        ars.append(one.apply_async(R("note"), i))
        one.execute(f"note({i} + 0.5)", block=False)
    equal([ar.get(30) for ar in ars], [2 * i + 1 for i in range(20)])
    equal(one.pull("log", block=True), [x / 2 if x % 2 else x // 2 for x in range(40)])


@row("1.13 after a cell that failed, queued executes are aborted and applies are not")
def _():
    first = one.execute("await new Promise((r) => setTimeout(r, 300)); throw new Error('x')", silent=False, block=False)
    apply, cell = one.apply_async(R("double"), 3), one.execute("1", silent=False, block=False)
    equal(error_of(first.get, 30).ename, "Error")
    equal(apply.get(30), 6)
    assert isinstance(error_of(cell.get, 30), ipp.TaskAborted)


@row("2 execute, run: code in the engine's language; streams, results and displays in the AsyncResult")
def _():
    code = "console.log('out'); console.error('err'); display({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>' }) }); 6 * 7"
    ar = one.execute(code, silent=False, block=True)
    equal((ar.stdout, ar.stderr), ("out\n", "err\n"))
    equal(ar.execute_result["data"]["text/plain"], "42")
    equal(ar.outputs[0]["data"]["text/html"], "<b>")
    equal(type(ar.get()).__name__, "ExecuteReply")
    equal(ar.get().execute_result["data"], {"text/plain": "42"})
    ar.display_outputs()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.ts")
        with open(path, "w") as file:
            file.write("const fromFile: number = 17;")
        view.run(path, block=True)
    equal(view.pull("fromFile", block=True), [17, 17])
    silent = one.execute("1 + 1", block=True)
    equal(silent.execute_result, {} if silent.execute_result == {} else None)


@row("2 execute: silent or not, user_expressions, store_history, stop_on_error, counts")
def _():
    def execute(**content):
        content = {"code": "1", "silent": False, "user_expressions": {}, **content}
        future = rc._send(rc._mux_socket, "execute_request", content, ident=rc._engines[ids[0]].encode())
        ar = ipp.AsyncResult(rc, future, fname="execute", targets=[ids[0]])
        return ar

    reply = execute(code="let q = 2", user_expressions={"double": "q * 2", "bad": "q.no.no"}).get(30)
    double, bad = reply._content["user_expressions"]["double"], reply._content["user_expressions"]["bad"]
    equal(double, {"status": "ok", "data": {"text/plain": "4"}, "metadata": {}})
    equal((bad["status"], bad["ename"]), ("error", "TypeError"))
    count = execute().get(30).execution_count
    equal(execute(silent=True).get(30).execution_count, count)
    equal(execute(store_history=False).get(30).execution_count, count)
    equal(execute().get(30).execution_count, count + 1)
    failing = {"code": "await new Promise((r) => setTimeout(r, 200)); throw new Error('x')", "stop_on_error": False}
    first, second = execute(**failing), execute()
    error_of(first.get, 30)
    equal(second.get(30)._content["status"], "ok")


@row("2 apply of a Python function: a clean error that names it and the ways")
def _():
    import os.path as module
    for f, name in (lambda: 1, "<lambda>"), (module.join, "join"), (len, "len"), (CODE.upper, "getattr"):
        for kind, v in VIEWS.items():
            error = error_of(v.apply_async, f)
            equal(error.ename, "TypeError")
            for word in name, "TypeScript", "Reference", "execute", "load_balanced_view":
                assert word in error.evalue, (kind, word, error.evalue)
    error = error_of(view.map_async, lambda x: x, [1, 2])
    assert "TypeScript" in error.evalue or "it names" in error.evalue, error.evalue


@row("2 apply of a Reference: arguments of all kinds, on mux, task and broadcast")
def _():
    for kind, v in VIEWS.items():
        def call(*args, **kwargs):
            got = v.apply_async(*args, **kwargs).get(30)
            if kind != "task":
                equal(str(got[0]), str(got[1]))
                return got[0]
            return got

        equal(call(R("options"), 3), 3)
        equal(call(R("options"), 3, scale=2, plus=1), 7)
        equal(call(R("nothing")), None)
        equal(call(R("later"), "x"), "x")
        equal(call(R("Math.max"), 3, 9), 9)
        equal(call(R("kinds"), None, 1, 1.5, True, "x", b"x", [1], (1,), {1}, {"a": 1}, {1: 2}, 2**60),
              ["Null", "Number", "Number", "Boolean", "String", "Uint8Array", "Array", "Array", "Set", "Object", "Map", "BigInt"])
        for value in None, True, 7, -(2**40), 2**70, 1.5, "\U0001f600 \ud800", b"abc", b"x" * 100_000, [1, [2, {"k": None}]], {"a": {"b": [1]}}, {1: "x", 2: None}, {1, 2}:
            equal(call(R("same"), value), value)
        for dtype in "f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?":
            for shape in (3,), (500,), (2, 3), (20, 30, 4), (0,), ():
                array = np.ones(shape, dtype)
                equal(call(R("same"), array), array)
        equal(call(R("mixed")), {1: "x", "y": None, (1, 2): [3]})
        equal(call(R("same"), {"deep": [np.arange(3.0)]})["deep"][0], np.arange(3.0))
        equal(call(R("same"), [np.arange(1000), b"y" * 2000])[0], np.arange(1000))


@row("2 a Reference as an argument: a name, a member, an expression")
def _():
    one.push({"a": 4, "o": {"b": 5}}, block=True)
    equal(one.apply_sync(R("same"), R("a")), 4)
    equal(one.apply_sync(R("same"), R("o.b")), 5)
    equal(one.apply_sync(R("same"), R("a + o.b")), 9)
    equal(one.apply_sync(R("same"), [R("a"), 1]), [4, 1])
    equal(one.apply_sync(R("options"), 2, scale=R("a")), 8)
    equal(one.apply_sync(R("counter.add"), 2), 7)
    equal(one.apply_sync(R("counter.add"), 2), 9)


@row("2 a Reference to what is not there, or no function; results that cannot be pickled")
def _():
    for kind, v in VIEWS.items():
        error = error_of(v.apply_async, R("nowhere"), 1)
        equal((error.ename, error.evalue), ("NameError", "name 'nowhere' is not defined"))
        error = error_of(v.apply_async, R("same"), R("nowhere.at"))
        equal(error.ename, "NameError")
        error = error_of(v.apply_async, R("log"))
        equal(error.ename, "TypeError")
        assert "not a function" in error.evalue, error.evalue
        error = error_of(v.apply_async, R("cyclic"))
        equal((error.ename, error.evalue), ("PicklingError", "Cannot send result.b[0]: it contains itself"))
        error = error_of(v.apply_async, R("same"), 1j)
        equal(error.ename, "UnpicklingError")
        assert "builtins.complex" in error.evalue, error.evalue


@row("2 map over a Reference: direct and load-balanced")
def _():
    equal(view.map_sync(R("double"), range(10)), [2 * x for x in range(10)])
    equal(view.map_sync(R("Math.max"), [1, 5], [4, 2]), [4, 5])
    equal(balanced.map_sync(R("double"), range(10), chunksize=3), [2 * x for x in range(10)])
    equal(list(balanced.imap(R("later"), "abc")), ["a", "b", "c"])


@row("2 load-balanced: after, follow and retries")
def _():
    first = balanced.apply_async(R("later"), 1)
    with balanced.temp_flags(after=first, follow=first):
        second = balanced.apply_async(R("double"), 2)
    equal(second.get(30), 4)
    equal(second.metadata["engine_id"], first.metadata["engine_id"])
    view.execute("globalThis.bad = false; function flaky() { if (bad) throw new Error('bad engine'); return 'good'; }", block=True)
    one.push({"bad": True}, block=True)
    for _ in range(6):
        with balanced.temp_flags(retries=1):
            equal(balanced.apply_async(R("flaky")).get(30), "good")


@row("2 push, update, view[name] = value")
def _():
    view.push({"a": 1, "b": [1, {"c": None}]}, block=True)
    equal(view.pull(["a", "b"], block=True), [[1, [1, {"c": None}]]] * 2)
    view["x"] = "text"
    equal(view["x"], ["text", "text"])
    view.update({"y": 2})
    equal(view.get("y"), [2, 2])
    one.push({"counter.n": 100}, block=True)
    equal(one.pull("counter.n", block=True), 100)
    balanced.apply_sync(R("nothing"))
    everyone.push({"z": np.arange(4)}, block=True)
    equal(one.pull("z", block=True), np.arange(4))
    one.execute("z[0] = 5n", block=True)
    equal(one["z"], np.array([5, 1, 2, 3]))


@row("2 pull: a name, a list, a tuple, a set, expressions; what is not there")
def _():
    one.push({"a": 1, "b": 2}, block=True)
    equal(one.pull("a", block=True), 1)
    equal(one.pull(("a", "b"), block=True), [1, 2])
    equal(sorted(one.pull({"a", "b"}, block=True)), [1, 2])
    equal(one.pull("a + b", block=True), 3)
    equal(error_of(one.pull, "nowhere", block=True).ename, "NameError")
    equal(error_of(one.pull, ["a", "nowhere"], block=True).evalue, "name 'nowhere' is not defined")
    equal(error_of(one.pull, "1 +", block=True).ename, "SyntaxError")
    equal(error_of(one.pull, "double", block=True).ename, "PicklingError")


@row("2 scatter and gather: lists and arrays, also with dist='r' and flatten")
def _():
    for dist in "b", "r":
        view.scatter("part", list(range(11)), dist=dist, block=True)
        equal(sorted(view.gather("part", dist=dist, block=True)), list(range(11)))
    view.scatter("part", [1, 2], flatten=True, block=True)
    equal(view["part"], [1, 2])
    for array in np.arange(9), np.arange(9.0), np.arange(12, dtype="u1"), np.arange(24.0).reshape(6, 4), np.arange(4) > 1:
        view.scatter("part", array, block=True)
        equal(view.gather("part", block=True), array)
    view.scatter("part", range(7), block=True)
    equal(view.gather("part", block=True), list(range(7)))


@row("2 large arrays, 64 MiB and back")
def _():
    array = np.random.default_rng(1).random(8 << 20)
    one.push({"big": array}, block=True)
    one.execute("if (!(big instanceof Float64Array)) throw new Error('no array'); big[0] = -1", block=True)
    got = one.pull("big", block=True)
    equal(got[0], -1.0)
    assert (got[1:] == array[1:]).all()
    equal(one.apply_sync(R("same"), {"deep": {"er": array[: 1 << 20]}})["deep"]["er"], array[: 1 << 20])


@row("2 use_dill, use_cloudpickle, use_pickle: nothing to do; push and pull go on as before")
def _():
    for use in view.use_dill, view.use_cloudpickle:
        use().get(30)
        view.push({"d": [1, b"x" * 2000]}, block=True)
        equal(view.pull("d", block=True), [[1, b"x" * 2000]] * 2)
        error = error_of(view.apply_async, lambda: 1)
        assert error.ename == "TypeError" and "TypeScript" in error.evalue, error
    view.use_pickle().get(30)
    equal(view.apply_sync(R("double"), 1), [2, 2])


@row("2 sync_imports and the like: refused with the same sentence")
def _():
    def attempt():
        with view.sync_imports(quiet=True):
            import json  # noqa

    error = error_of(attempt)
    assert "TypeScript" in str(error), error


@row("bad input: wrong numbers of buffers, and buffers that are no pickles, get an error reply")
def _():
    from ipyparallel.serialize import pack_apply_message

    good = pack_apply_message(R("same"), (b"x" * 5000, 1), {"k": b"y" * 5000})
    for buffers in [], good[:1], good[:2], good[:3], good[:-1], good + [b"z"], [b"junk"] * 4, [b""] * 3, good[::-1], [b"]" * 10**6 + b"a" * (10**6 - 1) + b"."] * 3:
        future = rc._send(rc._mux_socket, "apply_request", {}, buffers=buffers, ident=rc._engines[ids[0]].encode())
        ar = ipp.AsyncResult(rc, future, fname="bad", targets=[ids[0]])
        error = error_of(ar.get, 30)
        assert isinstance(error, ipp.RemoteError) and error.ename == "UnpicklingError", (len(buffers), error)
    equal(one.apply_sync(R("double"), 5), 10)


@row("queue: the hub counts all of it as done")
def _():
    def idle():
        status = rc.queue_status(ids)
        # Python's hub counts a task that was tried again as one of its first engine's for ever.
        kinds = ["queue", "tasks"] if IS_OURS else ["queue"]
        return status["unassigned"] == 0 and all(status[i][kind] == 0 for i in ids for kind in kinds)

    eventually(idle, "the queue is empty")


@row("2 comm messages: ignored")
def _():
    for kind in "comm_open", "comm_msg", "comm_close":
        rc.session.send(rc._mux_socket, kind, {"comm_id": "x", "target_name": "y", "data": {}}, ident=rc._engines[ids[0]].encode())
    equal(one.apply_sync(R("double"), 5), 10)


@row("2 %px and %%px of IPython")
def _():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "ipyparallel")
    blocking = rc[ids]
    blocking.block = True
    blocking.activate()
    with capture_output() as shown:
        shell.run_line_magic("px", "const px = 5; console.log('printed', px)")
        shell.run_cell_magic("px", "", "px + 1")
    text = shown.stdout + shown.stderr + "".join(str(output.data) for output in shown.outputs)
    assert "printed 5" in text and "6" in text, text
    equal(view["px"], [5, 5])


@row("1.10 leaving: shutdown unregisters, and ends what waits")
def _():
    two = rc[ids[1]]
    rc.shutdown(targets=[ids[1]], block=True)
    eventually(lambda: ids[1] not in rc.ids, "it is gone")
    equal(one.apply_sync(R("double"), 5), 10)


@row("1.9-1.10 signal: SIGKILL ends an engine; what runs there fails, and the hub knows")
def _():
    ar = running(rc[spare])
    rc.send_signal(signal.SIGKILL, targets=spare, block=True)
    eventually(lambda: spare not in rc.ids, "it is gone")
    error = error_of(ar.get, 30)
    assert "EngineError" in (type(error).__name__, getattr(error, "ename", "")), error
    equal(one.apply_sync(R("double"), 5), 10)


define()
for name, check in ROWS:
    try:
        check()
        wrong = None
    except BaseException:
        wrong = traceback.format_exc()
    print(json.dumps({"row": name, "wrong": wrong}), flush=True)
