# The end: what the hub counts, and how engines leave.

@row("queue: the hub counts all of it as done")
def _():
    def idle():
        status = rc.queue_status(ids)
        # Python's hub counts a task that was tried again as one of its first engine's for ever.
        kinds = ["queue", "tasks"] if IS_OURS else ["queue"]
        return status["unassigned"] == 0 and all(status[i][kind] == 0 for i in ids for kind in kinds)

    try:
        eventually(idle, "the queue is empty")
    except AssertionError as late:
        raise AssertionError(f"{late}: {rc.queue_status(ids, verbose=True)}")


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
