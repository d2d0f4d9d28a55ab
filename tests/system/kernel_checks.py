"""
Jupyter's own clients on an engine of ours: each function is a check, run by its name. Arguments: the kernel's connection file, the cluster's
client file (or "-"), names of checks. One line of JSON for each check on stdout.
"""
import json
import os
import sys
import threading
import time
import traceback

import zmq
from jupyter_client import BlockingKernelClient
from jupyter_client.session import Session

FILE, CLUSTER = sys.argv[1], sys.argv[2]
PATIENCE = 20


class Front:
    """A front-end: a client, and short ways to ask it."""

    def __init__(self):
        self.kc = BlockingKernelClient(connection_file=FILE)
        self.kc.load_connection_file()
        self.kc.start_channels()

    def __enter__(self):
        self.kc.wait_for_ready(timeout=PATIENCE)
        return self

    def __exit__(self, *_):
        self.kc.stop_channels()

    def reply(self, msg_id, get=None):
        get = get or self.kc.get_shell_msg
        while True:
            message = get(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == msg_id:
                return message

    def ask(self, msg_id):
        return self.reply(msg_id)["content"]

    def raw(self, type, content, channel="shell"):
        """A request as it stands, whatever its content."""
        message = self.kc.session.msg(type, content)
        getattr(self.kc, f"{channel}_channel").send(message)
        get = self.kc.get_control_msg if channel == "control" else self.kc.get_shell_msg
        return self.reply(message["header"]["msg_id"], get)["content"]

    def run(self, code, **options):
        """Runs a cell; its reply, and what was published under it up to its idle."""
        published = []
        reply = self.kc.execute_interactive(
            code, timeout=PATIENCE, output_hook=lambda m: published.append((m["msg_type"], m["content"])), **options
        )
        return reply["content"], published

    def ok(self, code, **options):
        reply, published = self.run(code, **options)
        assert reply["status"] == "ok", reply
        results = [content["data"]["text/plain"] for kind, content in published if kind == "execute_result"]
        return results[0] if results else None

    def fails(self, code, ename, **options):
        reply, published = self.run(code, **options)
        assert (reply["status"], reply["ename"]) == ("error", ename), reply
        return reply, published

    def begun(self, msg_id):
        """Waits until a cell has begun."""
        while True:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "execute_input" and message["parent_header"].get("msg_id") == msg_id:
                return


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def raw_socket(kind, port_name, identity=None):
    with open(FILE) as file:
        info = json.load(file)
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    if identity:
        socket.identity = identity
    if kind == zmq.SUB:
        socket.subscribe(b"")
    socket.connect(f"tcp://{info['ip']}:{info[port_name]}")
    return socket, Session(key=info["key"].encode())


def received(socket):
    assert socket.poll(PATIENCE * 1000), "nothing came"
    return socket.recv_multipart()


# ── channels ───────────────────────────────────────────────────────────────────────────────────


def connection_file():
    with open(FILE) as file:
        info = json.load(file)
    keys = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port", "ip", "key", "transport"]
    equal(sorted(info), sorted(keys + ["signature_scheme", "kernel_name"]))
    equal((info["ip"], info["transport"], info["signature_scheme"]), ("127.0.0.1", "tcp", "hmac-sha256"))
    equal(os.stat(FILE).st_mode & 0o777, 0o600)
    if CLUSTER != "-":
        with open(CLUSTER) as file:
            equal(info["key"], json.load(file)["key"])


def hb():
    """The heart echoes while code runs."""
    with Front() as front:
        running = front.kc.execute("for (;;);")
        front.begun(running)
        heart, _ = raw_socket(zmq.REQ, "hb_port")
        for n in range(3):
            heart.send(b"ping %d" % n)
            equal(received(heart), [b"ping %d" % n])
        equal(front.raw("interrupt_request", {}, "control"), {"status": "ok"})
        equal(front.ask(running)["ename"], "KeyboardInterrupt")


def iopub_welcome():
    sub, session = raw_socket(zmq.SUB, "iopub_port")
    while True:
        _, message = session.feed_identities(received(sub))
        message = session.deserialize(message)
        if message["msg_type"] != "status":  # of an earlier front-end's request
            break
    equal((message["msg_type"], message["content"]), ("iopub_welcome", {"subscription": ""}))


def shell_and_control():
    with Front() as front:
        equal(front.raw("kernel_info_request", {}, "control")["status"], "ok")
        running = front.kc.execute("await new Promise(() => {})")
        front.begun(running)
        equal(front.raw("kernel_info_request", {}, "control")["status"], "ok")
        equal(front.raw("interrupt_request", {}, "control"), {"status": "ok"})
        equal(front.ask(running)["ename"], "KeyboardInterrupt")


def stdin_rid():
    """The question goes to the one who sent the cell, of two that are there."""
    with Front() as one, Front() as two:
        equal(one.ok("await input('who? ')", stdin_hook=lambda _: one.kc.input("one"), allow_stdin=True), '"one"')
        equal(two.ok("await input('who? ')", stdin_hook=lambda _: two.kc.input("two"), allow_stdin=True), '"two"')
        assert not one.kc.stdin_channel.msg_ready()


def bad_signatures():
    socket, session = raw_socket(zmq.DEALER, "shell_port", b"stranger")
    wrong = Session(key=b"not the key")
    wrong.send(socket, "kernel_info_request", {})
    socket.send_multipart([b"nonsense"])
    socket.send_multipart([b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"])
    sent = session.send(socket, "kernel_info_request", {})
    _, frames = session.feed_identities(received(socket))
    equal(session.deserialize(frames)["parent_header"]["msg_id"], sent["header"]["msg_id"])
    assert not socket.poll(200)


# ── messages ───────────────────────────────────────────────────────────────────────────────────


def kernel_info():
    with Front() as front:
        info = front.kc.kernel_info(reply=True, timeout=PATIENCE)["content"]
        equal((info["status"], info["implementation"]), ("ok", "tsparallel"))
        equal((info["language_info"]["name"], info["language_info"]["file_extension"]), ("typescript", ".ts"))
        assert info["protocol_version"].startswith("5."), info
        assert info["banner"] and info["help_links"] == [], info


def execute():
    with Front() as front:
        first, published = front.run("const n: number = 1;\nconsole.log('said', n);\nawait Promise.resolve(n + 1)")
        kinds = [kind for kind, _ in published]
        equal(kinds, ["status", "execute_input", "stream", "execute_result", "status"])
        equal([c["execution_state"] for k, c in published if k == "status"], ["busy", "idle"])
        count = first["execution_count"]
        equal(published[1][1]["execution_count"], count)
        equal(published[2][1], {"name": "stdout", "text": "said 1\n"})
        equal(published[3][1], {"execution_count": count, "data": {"text/plain": "2"}, "metadata": {}})
        equal((first["user_expressions"], first["payload"]), ({}, []))
        # Silent and unstored cells do not count.
        reply, published = front.run("n", silent=True)
        equal((reply["execution_count"], [kind for kind, _ in published]), (count, ["status", "status"]))
        reply, _ = front.run("n", store_history=False)
        equal(reply["execution_count"], count)
        reply, _ = front.run("n")
        equal(reply["execution_count"], count + 1)


def user_expressions():
    with Front() as front:
        wanted = {"sum": "40 + 2", "late": "await Promise.resolve('x')", "bad": "nowhere", "html": "Deno.jupyter.html`<b>`"}
        reply, _ = front.run("1", user_expressions=wanted)
        values = reply["user_expressions"]
        equal(values["sum"], {"status": "ok", "data": {"text/plain": "42"}, "metadata": {}})
        equal(values["late"]["data"], {"text/plain": '"x"'})
        equal(values["html"]["data"]["text/html"], "<b>")
        equal((values["bad"]["status"], values["bad"]["ename"]), ("error", "ReferenceError"))
        reply, _ = front.run("throw 1", user_expressions=wanted)
        equal(reply["user_expressions"], {})
        long = front.run("1", user_expressions={"a": "Deno.jupyter.html`${'y'.repeat(400_000)}`"})[0]
        equal(len(long["user_expressions"]["a"]["data"]["text/html"]), 400_000)


def errors():
    with Front() as front:
        code = "let before = 1,\n  two = 2;\n\nfunction fail(): never {\n  throw new RangeError('broken');\n}\n\nfail();"
        reply, published = front.fails(code, "RangeError")
        count = reply["execution_count"]
        equal(reply["evalue"], "broken")
        text = "\n".join(reply["traceback"])
        assert f"at fail (cell_{count}.ts:5)" in text and f"at cell_{count}.ts:8" in text, text
        assert "-> 5 |   throw new RangeError('broken');" in text, text
        assert "tsparallel:slot" not in text and "\x1b" not in text, text
        error = [content for kind, content in published if kind == "error"]
        equal([(e["ename"], e["evalue"], e["traceback"]) for e in error], [("RangeError", "broken", reply["traceback"])])
        reply, _ = front.fails("1;\nconst = 2", "SyntaxError")
        assert any(line.startswith("-> 2 |") for line in reply["traceback"]), reply
        # What stands behind a failed cell is aborted, unless it says otherwise.
        late = "await new Promise((done) => setTimeout(done, 500)); throw new Error('x')"
        ids = [front.kc.execute(late), front.kc.execute("1"), front.kc.execute("2")]
        equal([front.ask(one)["status"] for one in ids], ["error", "aborted", "aborted"])
        ids = [front.kc.execute(late, stop_on_error=False), front.kc.execute("1")]
        equal([front.ask(one)["status"] for one in ids], ["error", "ok"])


def display():
    with Front() as front:
        code = """display(1, { display_id: "d" }); display({ "text/html": "<i>" }, { raw: true, display_id: "d", update: true });
            Deno.jupyter.clearOutput(true); await Deno.jupyter.broadcast("display_data", { data: { "a/b": "c" }, metadata: { m: 1 } });
            Deno.jupyter.md`# ${1}`"""
        reply, published = front.run(code)
        shown = [(kind, content) for kind, content in published if kind not in ("status", "execute_input")]
        equal([kind for kind, _ in shown], ["display_data", "update_display_data", "clear_output", "display_data", "execute_result"])
        equal(shown[0][1], {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}})
        equal((shown[1][1]["data"]["text/html"], shown[1][1]["transient"]), ("<i>", {"display_id": "d"}))
        equal(shown[2][1], {"wait": True})
        equal((shown[3][1]["data"], shown[3][1]["metadata"]), ({"a/b": "c"}, {"m": 1}))
        equal(shown[4][1]["data"]["text/markdown"], "# 1")
        assert all("text/plain" in content["data"] for kind, content in (shown[1], shown[4])), shown
        front.fails("Deno.jupyter.broadcast('status', {})", "TypeError")


def complete():
    with Front() as front:
        front.ok(
            """const tree = { alpha: 1, inner: { gamma: "g", "two words": 2, 'it\\'s': 3 }, get trap() { globalThis.ran = true; return { x: 1 } } };
            const veiled = new Proxy({ hidden: 1 }, { ownKeys() { globalThis.ran = true; return [] }, get() { globalThis.ran = true },
              getOwnPropertyDescriptor() { globalThis.ran = true; return undefined }, getPrototypeOf() { globalThis.ran = true; return null } });
            class Base { get own() { globalThis.ran = true; return 1 } method() {} static make() {} } const made = Object.assign(new Base(), { field: 1 });
            let émile = 1; var ran = false; undefined"""
        )

        def at(code, cursor=None):
            reply = front.ask(front.kc.complete(code, cursor))
            equal((reply["status"], reply["metadata"]), ("ok", {}))
            equal(reply["matches"], sorted(reply["matches"]))
            return reply["matches"], reply["cursor_start"], reply["cursor_end"]

        equal(at("tree.al"), (["alpha"], 5, 7))
        equal(at("tree?.inner['ga"), (["gamma"], 13, 15))
        equal(at('1 + tree["inner"].ga'), (["gamma"], 18, 20))
        equal(at('tree.inner["two'), (["two words"], 12, 15))
        equal(at("tree.inner['it"), ([], 12, 14))  # could not be written in these quotes
        equal(at("made.fi"), (["field"], 5, 7))
        equal(at("made.o"), (["own"], 5, 6))
        equal(at("Base.ma"), (["make"], 5, 7))
        equal(at("'abc'.padS"), (["padStart"], 6, 10))
        equal(at("/x/g.flag"), (["flags"], 5, 9))
        equal(at("tree.trap.x"), ([], 10, 11))
        equal(at("veiled.hid"), ([], 7, 10))
        equal(at("instanc"), (["instanceof"], 0, 7))
        assert "tree" in at("tr")[0] and "true" in at("tr")[0] and "try" in at("tr")[0]
        assert "console" in at("")[0] and at("")[1:] == (0, 0)
        # Positions count code points, wherever they lie.
        equal(at("'𝒳𝒳'; tree.al"), (["alpha"], 11, 13))
        equal(at("émi"), (["émile"], 0, 3))
        equal(at("tree.alx", 7), (["alpha"], 5, 7))
        equal(at("tree.al", 700), (["alpha"], 5, 7))
        equal(at("tree.al", -5)[1:], (0, 0))
        # Not inside texts and comments.
        for code in ["'tree.al", "`tree.al", "// tree.al", "/* tree.al", "1.", "tree().al", "#al"]:
            equal(at(code)[0], [])
        equal(at("`${tree.al"), (["alpha"], 8, 10))
        equal(front.ok("[ran, typeof ran]"), '[ false, "boolean" ]')


def inspect():
    with Front() as front:
        front.ok(
            """function add(a, { b } = {}, ...rest) { return a } const arrow = async (x) => x; const one = y => y;
            class Point extends Map { constructor(x, y = 0) { super() } } const data = { n: 1, text: "t", get trap() { globalThis.ran = true }, deep: { list: [1, 2] } };
            const list = [1, "two", add], veil = new Proxy(add, {}); var ran = false; undefined"""
        )

        def at(code, cursor=None, level=0):
            reply = front.ask(front.kc.inspect(code, cursor, level))
            equal((reply["status"], reply["metadata"]), ("ok", {}))
            equal(reply["found"], "text/plain" in reply["data"])
            return reply["data"].get("text/plain")

        equal(at("add"), "function add(a, { b } = {}, ...rest)")
        equal(at("add", level=1), "function add(a, { b } = {}, ...rest)\n\nfunction add(a, { b } = {}, ...rest) { return a }")
        equal(at("add(1, "), at("add"))
        equal(at("arrow"), "async function arrow(x)")
        equal(at("one"), "function one(y)")
        equal(at("new Point(", 7), "class Point(x, y = 0) extends Map")
        equal(at("data"), 'data: Object\n  n: 1\n  text: "t"\n  trap: [Getter]\n  deep: Object')
        equal(at("data.trap"), "data.trap: [Getter]")
        equal(at("data.deep.list"), "data.deep.list: Array(2)\n  [0]: 1\n  [1]: 2")
        equal(at("data['text']", 12), None)
        equal(at("list"), 'list: Array(3)\n  [0]: 1\n  [1]: "two"\n  [2]: [Function add]')
        equal(at("veil"), "veil: Proxy")
        assert "parseInt" in at("parseInt(") and at("nowhere") is None and at("") is None
        equal(front.ok("ran"), "false")


def poisoned():
    """What a cell replaces does not get between."""
    with Front() as front:
        front.ok(
            """var pile = { apple: 1, deep: { core: 2 } }, kept = [Object.prototype, Array.prototype];
            Object.defineProperty(Array.prototype, 0, { set() { throw 1 }, get() { return "forged" }, configurable: true });
            Object.prototype.get = 6;
            Reflect.ownKeys = Reflect.getOwnPropertyDescriptor = Object.getPrototypeOf = () => { throw 2 };
            Function.prototype.toString = Map.prototype.has = Set.prototype.has = Set.prototype.add = () => { throw 3 }; undefined""",
            store_history=False,
        )
        equal(front.ask(front.kc.complete("pile.app"))["matches"], ["apple"])
        found = front.ask(front.kc.inspect("pile.deep"))
        equal(found["data"]["text/plain"], "pile.deep: Object\n  core: 2")
        equal(front.raw("shutdown_request", {"restart": True}, "control"), {"status": "ok", "restart": True})
        equal(front.ok("typeof pile"), '"undefined"')


def is_complete():
    with Front() as front:
        def judge(code):
            return front.ask(front.kc.is_complete(code))

        for code in ["1 + 1", "", "// c", "type A = { a: number }", "enum E { a }", "@dec class A {}", "`a${1}b`", "f(x)\n  .y()",
                     "for (const x of y) { z }", "const f = (a: number): string => `${a}`", "await x", "/[/]/.test(a)", "#!x"]:
            equal((code, judge(code)), (code, {"status": "complete"}))
        for code, indent in [("if (x) {", 2), ("f(", 2), ("const a = [{", 4), ("`a", 0), ("`${", 2), ("/* c", 0), ("1 +", 2), ("a &&", 2),
                             ("x =>", 2), ("a.", 2), ("const x: number =", 2), ("@dec", 2), ("for (;;)", 2), ("try {}", 2),
                             ("function f(a: number)", 2), ("class A {\n  m() {", 4), ("  a ?", 4), ("'x\\", 0)]:
            equal((code, judge(code)), (code, {"status": "incomplete", "indent": " " * indent}))
        for code in ["a)", "const = 1", "'x", "}{", "1 2", "(]", "if if"]:
            equal((code, judge(code)), (code, {"status": "invalid"}))
        # Takes parsers minutes.
        equal(judge("<T>(a=" * 24), {"status": "incomplete", "indent": " " * 40})
        equal(judge("<T>(a=" * 24 + "1" + ")" * 24), {"status": "unknown"})
        equal(judge("x;\n" * 100)["status"], "complete")
        equal(judge("x;\n" * 400_000)["status"], "unknown")
        # A cell that runs does not hold it up.
        running = front.kc.execute("await new Promise(() => {})")
        front.begun(running)
        equal(judge("1 +")["status"], "incomplete")
        front.raw("interrupt_request", {}, "control")
        front.ask(running)


def history():
    with Front() as front:
        for code in ["'first' + 1", "'second' + 2", "throw new Error('third')"]:
            front.run(code)
        front.run("'silent'", silent=True)
        front.run("'unstored'", store_history=False)

        def find(**query):
            return front.ask(front.kc.history(**query))["history"]

        tail = find(hist_access_type="tail", n=2)
        equal([item[2] for item in tail], ["'second' + 2", "throw new Error('third')"])
        session, line = tail[0][0], tail[0][1]
        equal(find(hist_access_type="tail", n=2, output=True)[0], [session, line, ["'second' + 2", '"second2"']])
        equal(find(hist_access_type="range", session=0, start=line, stop=line + 1), [tail[0]])
        equal(find(hist_access_type="range", session=session, start=line, stop=line + 1), [tail[0]])
        equal(find(hist_access_type="search", pattern="*irst* 1", n=1), [[session, line - 1, "'first' + 1"]])
        front.run("'first' + 1")
        equal(len(find(hist_access_type="search", pattern="'first'*", unique=True, n=10)), 1)
        equal(find(hist_access_type="search", pattern="?first", n=10), [])


def comms():
    with Front() as front:
        equal(front.ask(front.kc.comm_info()), {"status": "ok", "comms": {}})
        session = front.kc.session
        for type in ["comm_open", "comm_msg", "comm_close"]:
            front.kc.shell_channel.send(session.msg(type, {"comm_id": "1", "target_name": "t", "data": {}}))
        with open(FILE) as file:
            info = json.load(file)
        reply = front.raw("connect_request", {})
        equal({key: reply[key] for key in reply if key != "status"}, {key: info[key] for key in info if key.endswith("_port")})


def asked():
    """Input: by promise, at once, as password; refused where it is not allowed."""
    with Front() as front:
        prompts = []

        def hook(message):
            prompts.append((message["content"]["prompt"], message["content"]["password"]))
            front.kc.input("bob é")

        equal(front.ok("const who = await input('name? '); who + '!'", stdin_hook=hook, allow_stdin=True), '"bob é!"')
        equal(front.ok("[prompt('one', 'x'), confirm('sure'), alert('stop')]", stdin_hook=hook, allow_stdin=True),
              '[ "bob é", false, undefined ]')
        front.ok("await input('secret', { password: true })", stdin_hook=hook, allow_stdin=True)
        equal(prompts, [("name? ", False), ("one [x] ", False), ("sure [y/N] ", False), ("stop [Enter] ", False), ("secret", True)])
        equal(front.ok("prompt('p', 'by default')", stdin_hook=lambda _: front.kc.input(""), allow_stdin=True), '"by default"')
        for code in ["await input('x')", "prompt('x')"]:
            reply, _ = front.fails(code, "StdinNotImplementedError", allow_stdin=False)
            assert "allow" in reply["evalue"], reply
        reply, _ = front.fails("await input('x')", "StdinNotImplementedError", allow_stdin=True,
                               stdin_hook=lambda _: front.kc.input("y" * 70_000))
        assert "65536" in reply["evalue"], reply
        # An interrupt ends the wait, and nothing else.
        for code in ["await input('x')", "prompt('x')"]:
            running = front.kc.execute(code, allow_stdin=True)
            front.kc.get_stdin_msg(timeout=PATIENCE)
            front.raw("interrupt_request", {}, "control")
            equal(front.ask(running)["ename"], "KeyboardInterrupt")
        equal(front.ok("who"), '"bob é"')


def gone_while_asked():
    """A front-end that vanishes while it is asked does not hold the engine."""
    front = Front()
    front.__enter__()
    front.kc.execute("globalThis.asked = true; await input('x')", allow_stdin=True, stop_on_error=False)
    front.kc.get_stdin_msg(timeout=PATIENCE)
    front.kc.stop_channels()
    with Front() as other:
        equal(other.ok("asked"), "true")


def interrupt():
    with Front() as front:
        front.ok("var kept = 1; undefined")
        running = front.kc.execute("await new Promise(() => {})")
        behind = front.kc.execute("kept + 1", stop_on_error=False)
        front.begun(running)
        equal(front.raw("interrupt_request", {}, "control"), {"status": "ok"})
        reply = front.ask(running)
        equal((reply["status"], reply["ename"]), ("error", "KeyboardInterrupt"))
        assert "namespace is kept" in reply["evalue"], reply
        equal(front.ask(behind)["status"], "aborted")
        equal(front.ok("kept"), "1")
        running = front.kc.execute("for (;;);")
        front.begun(running)
        equal(front.raw("interrupt_request", {}, "control"), {"status": "ok"})
        reply = front.ask(running)
        equal((reply["status"], reply["ename"]), ("error", "KeyboardInterrupt"))
        assert "namespace with it" in reply["evalue"], reply
        equal(front.ok("typeof kept"), '"undefined"')
        equal(front.raw("interrupt_request", {}, "control"), {"status": "ok"})
        equal(front.ok("1"), "1")


def restart():
    with Front() as front:
        for channel in ["control", "shell"]:
            front.ok("var kept = 1; undefined")
            equal(front.raw("shutdown_request", {"restart": True}, channel), {"status": "ok", "restart": True})
            reply, published = front.run("typeof kept")
            equal(reply["execution_count"], 1)
            assert ("execute_result", '"undefined"') in [
                (kind, content["data"]["text/plain"]) for kind, content in published if kind == "execute_result"
            ], published


def two_front_ends():
    with Front() as one, Front() as two:
        one.ok("var shared = 20; undefined")
        equal(two.ok("shared + 1"), "21")
        # Output of a cell goes to all.
        ours = one.kc.execute("console.log('for all')")
        while True:
            message = two.kc.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == ours and message["msg_type"] == "stream":
                equal(message["content"]["text"], "for all\n")
                break
        # One after the other, whoever asks; busy before anything, idle behind everything.
        first = one.kc.execute("await new Promise((done) => setTimeout(done, 200)); shared = 1; undefined")
        one.begun(first)
        equal(two.ok("shared"), "1")


def cluster():
    """The cluster's tasks and front-ends share the engine."""
    import ipyparallel as ipp

    rc = ipp.Client(CLUSTER, timeout=PATIENCE)
    rc.wait_for_engines(1, timeout=PATIENCE)
    view = rc[0]
    with Front() as front:
        view.execute("var common = [1, 2]", block=True)
        equal(front.ok("common.length"), "2")
        front.ok("var answer = 42; undefined")
        equal(view.execute("console.log(answer)", block=True).stdout, "42\n")
        # Nobody to ask behind the cluster.
        failed = view.execute("await input('x')")
        try:
            failed.get(PATIENCE)
            raise AssertionError("it could ask")
        except ipp.RemoteError as error:
            equal(error.ename, "StdinNotImplementedError")
        equal(front.ask(front.kc.complete("comm"))["matches"][:1], ["common"])
    rc.close()


def bad_input():
    with Front() as front:
        wrong = [
            ("execute_request", {}),
            ("execute_request", {"code": 5}),
            ("execute_request", {"code": "1", "user_expressions": [1]}),
            ("complete_request", {}),
            ("complete_request", {"code": "a", "cursor_pos": "1"}),
            ("complete_request", {"code": "a", "cursor_pos": 0.5}),
            ("inspect_request", {"cursor_pos": 1}),
            ("inspect_request", {"code": "a", "cursor_pos": 1, "detail_level": 7}),
            ("is_complete_request", {}),
            ("is_complete_request", {"code": ["a"]}),
            ("history_request", {}),
            ("history_request", {"hist_access_type": "all"}),
            ("history_request", {"hist_access_type": "tail", "n": -1}),
            ("history_request", {"hist_access_type": "search", "pattern": "*" * 300}),
            ("comm_info_request", {"target_name": 1}),
            ("usage_request", {}),
            ("debug_request", {"command": "initialize"}),
            ("made_up_request", {}),
        ]
        for type, content in wrong:
            reply = front.raw(type, content)
            equal((type, reply["status"]), (type, "error"))
            assert reply["ename"] and reply["evalue"], reply
        for type in ["complete_request", "made_up_request"]:
            equal(front.raw(type, {"code": "a", "cursor_pos": 1}, "control")["status"], "error")
        long = "const big = '" + "x" * 1_000_000 + "'; big.length"
        equal(front.ok(long), "1000000")
        for code in [long, "a." * 500_000, "(" * 1_000_000, "/[" * 500_000, "`${" * 300_000]:
            equal(front.ask(front.kc.complete(code))["status"], "ok")
            equal(front.ask(front.kc.inspect(code))["status"], "ok")
            assert front.ask(front.kc.is_complete(code))["status"] in ("complete", "incomplete", "invalid", "unknown")
        equal(front.ok("1"), "1")


def leaving():
    """`exit` in a console leaves the engine where it is."""
    with Front() as front:
        reply, _ = front.run("exit")
        equal(reply["payload"], [{"source": "ask_exit", "keepkernel": True}])
        equal(front.run("quit()")[0]["payload"], [{"source": "ask_exit", "keepkernel": True}])
        equal(front.ok("'exit'"), '"exit"')


def console():
    """jupyter console itself, in a terminal."""
    import pexpect

    env = dict(os.environ, TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1")
    child = pexpect.spawn(sys.executable, ["-m", "jupyter_console", "--existing", FILE], env=env, encoding="utf8",
                          timeout=PATIENCE, dimensions=(40, 200))
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("const answer: number = 41\r")
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("answer + 1\r")
    child.expect(r"Out\[.*42")
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("function twice(x: number) {\r")
    child.expect_exact("...:")
    child.send("return 2 * x }\r\r")
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("console.log('it is ' + twice(4))\r")
    child.expect_exact("it is 8")
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("'hello ' + await input('name? ')\r")
    child.expect_exact("name? ")
    child.send("bob\r")
    child.expect_exact('"hello bob"')
    child.expect(r"In \[\S*\d+\S*\]:")
    child.send("exit\r")
    child.expect_exact("keeping kernel alive")
    child.expect(pexpect.EOF)
    with Front() as front:
        equal(front.ok("twice(answer)"), "82")


def simple_console():
    import subprocess

    code = "const seen = 6 * 7\nseen\nthrow new Error('oops')\nexit\n"
    done = subprocess.run([sys.executable, "-m", "jupyter_console", "--existing", FILE, "--simple-prompt"], input=code,
                          capture_output=True, text=True, timeout=60)
    assert "42" in done.stdout and "oops" in done.stderr, done
    assert "keeping kernel alive" in done.stdout, done


def shutdown():
    with Front() as front:
        sub, session = raw_socket(zmq.SUB, "iopub_port")
        received(sub)
        equal(front.raw("shutdown_request", {"restart": False}, "control"), {"status": "ok", "restart": False})
        while True:
            _, frames = session.feed_identities(received(sub))
            message = session.deserialize(frames)
            if message["msg_type"] == "shutdown_reply":
                equal(message["content"], {"status": "ok", "restart": False})
                return


for name in sys.argv[3:]:
    wrong = None
    try:
        globals()[name]()
    except BaseException:
        wrong = traceback.format_exc()
    print(json.dumps({"check": name, "wrong": wrong}), flush=True)
os._exit(0)
