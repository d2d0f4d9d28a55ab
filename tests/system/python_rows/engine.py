# What an engine must be towards controller and client.

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


@row("1.9 signal: SIGINT ends the wait of an applied function, and the namespace stays")
def _():
    one.execute("async function waits() { console.log('begun'); await new Promise(() => {}); }", block=True)
    ar = one.apply_async(R("waits"))
    eventually(lambda: ar.stdout == "begun\n", "it begins")
    rc.send_signal(signal.SIGINT, targets=ids[0], block=True)
    equal(error_of(ar.get, 30).ename, "KeyboardInterrupt")
    equal(one.pull("counter.n", block=True), 5)


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
