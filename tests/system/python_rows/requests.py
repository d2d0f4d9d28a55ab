# Cells, what is refused, and bad input.

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
    for attempt in (
        lambda: view.map_async(lambda x: x, [1, 2]),
        lambda: view.apply_async(R("double"), lambda x: x),
    ):
        error = error_of(attempt)
        assert error.ename == "TypeError", error
        for word in "TypeScript", "Reference", "load_balanced_view":
            assert word in error.evalue, error.evalue


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
