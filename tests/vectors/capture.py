"""Captures messages of ipyparallel's own controller, engines and client, both directions, on every public socket, into a JSON file:

    python capture.py json json.json
    python capture.py msgpack msgpack.json

Needs ipyparallel 9.2. What tells of the machine (host, user, folders) is replaced, and the messages are signed anew with the key that
stands in the file. Run it again only when ipyparallel's wire changes: the tests compare our parts with what it found.
"""

import atexit
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time

KEY = "1f0c65ce-5b1f0a4c8ce94bb8a36ad1c2"
PACKER, TARGET = sys.argv[1:3]
os.environ.update(USER="user", LOGNAME="user", IPP_SESSION_KEY=KEY)

import ipyparallel as ipp  # noqa: E402
import zmq  # noqa: E402
from jupyter_client.session import Session  # noqa: E402
from recorder import DELIMITER, Recorder, event_as_json  # noqa: E402

CLIENT_PORTS = ["registration", "notification", "mux", "control", "task", "broadcast", "iopub"]
ENGINE_PORTS = ["registration", "mux", "control", "task", "broadcast", "iopub", "hb_ping", "hb_pong"]
PATIENCE = 30
TOTAL_LIMIT = 100
PINGS_KEPT = 4
STATUSES_KEPT = 8
QUIET = 0.5

folder = tempfile.mkdtemp(prefix="capture-")
atexit.register(shutil.rmtree, folder, True)
recorder = Recorder()
processes = []


def start(name, *args):
    env = {**os.environ, "IPYTHONDIR": folder}
    with open(f"{folder}/{name}.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, *args], env=env, stdout=log, stderr=log, cwd=folder
        )
    processes.append(process)
    atexit.register(process.kill)
    return process


def wait_until(is_so, what):
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"Waited in vain until {what}")
        time.sleep(0.01)


def settle():
    """Waits until nothing has passed for a while, but pings."""
    wait_until(lambda: recorder.loop.time() - recorder.last > QUIET, "it is quiet")


def relayed(kind, names):
    """A connection file whose ports are the recorder's; gives its path and the original."""
    path = f"{folder}/profile_default/security/ipcontroller-{kind}.json"
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 300, "the files are there")
    with open(path) as file:
        info = json.load(file)
    changed = dict(info)
    for name in names:
        relay = lambda port: recorder.relay(f"{kind} {name}", port)  # noqa: E731
        ports = info[name]
        changed[name] = [relay(p) for p in ports] if isinstance(ports, list) else relay(ports)
    changed_path = f"{folder}/{kind}.json"
    with open(changed_path, "w") as file:
        json.dump(changed, file)
    return changed_path, info


# ---- what is said ----

PROGRAM = '''
def double(x):
    return 2 * x

def fail():
    raise ValueError("it failed")

def large(n):
    return b"x" * n

def napped(seconds):
    import time
    time.sleep(seconds)
    return seconds

def unmet():
    from ipyparallel.error import UnmetDependency
    raise UnmetDependency()
'''


def quietly(act, *expected):
    """Does what is to fail with one of these errors."""
    try:
        act()
    except expected:
        return
    raise SystemExit(f"{act} did not fail")


def direct_requests(rc, f):
    one, both = rc[0], rc[:]
    one.push({"a": 5, "text": "grüße", "list": [1, 2.5, None, True]}, block=True)
    assert one.pull(["a", "list"], block=True) == [5, [1, 2.5, None, True]]
    both.scatter("part", list(range(6)), block=True)
    assert both.gather("part", block=True) == list(range(6))
    assert one.apply_sync(f["double"], 21) == 42
    assert len(one.apply_sync(f["large"], 1500)) == 1500
    assert one.apply_sync(f["double"], b"y" * 1100) == b"y" * 2200
    quietly(lambda: one.apply_sync(f["fail"]), ipp.RemoteError)
    quietly(lambda: one.apply_sync(f["unmet"]), ipp.RemoteError)
    one.execute("'text'", silent=False, block=True)
    one.execute("print('to stdout')", block=True)
    one.execute("import sys; print('to stderr', file=sys.stderr)", block=True)
    one.execute("from IPython.display import display; display({'text/plain': 'shown'}, raw=True)", block=True)
    one.execute("from IPython.display import clear_output; clear_output()", block=True)
    quietly(lambda: one.execute("no_such_name", silent=False, block=True), ipp.RemoteError)
    settle()


def tasks(rc, f):
    view = rc.load_balanced_view()
    first = view.apply_async(f["double"], 1)
    assert first.get(PATIENCE) == 2
    with view.temp_flags(after=[first], label="named", targets=[0]):
        assert view.apply_async(f["double"], 2).get(PATIENCE) == 4
    with view.temp_flags(follow=[first], timeout=10.0, retries=1):
        assert view.apply_async(f["double"], 3).get(PATIENCE) == 6
    with view.temp_flags(targets=[0]):
        failed = view.apply_async(f["fail"])
        quietly(lambda: failed.get(PATIENCE), ipp.RemoteError)
    with view.temp_flags(after=[failed], targets=[0]):
        quietly(lambda: view.apply_async(f["double"], 4).get(PATIENCE), ipp.RemoteError)
    with view.temp_flags(after=["no-such-id"]):
        quietly(lambda: view.apply_async(f["double"], 5).get(PATIENCE), ipp.RemoteError)
    with view.temp_flags(targets=[0]):
        quietly(lambda: view.apply_async(f["unmet"]).get(PATIENCE), ipp.RemoteError)
        nap = view.apply_async(f["napped"], 1.0)
        with view.temp_flags(after=[nap], timeout=0.1):
            quietly(lambda: view.apply_async(f["double"], 6).get(PATIENCE), ipp.RemoteError)
        nap.get(PATIENCE)
    settle()
    # Now, since the output of broadcasts leaves records without times, which DictDB cannot compare.
    rc.db_query({"submitted": {"$lt": first.metadata["completed"]}}, keys=["submitted", "completed"])
    return first


def broadcasts(rc, f):
    for coalescing in (False, True):
        view = rc.broadcast_view(is_coalescing=coalescing)
        assert list(view.apply_sync(f["double"], 4)) == [8, 8]
        view.execute("b = 3", block=True)
        quietly(lambda: view.apply_sync(f["fail"]), ipp.RemoteError, ipp.CompositeError)
    settle()


def controls(rc, f):
    waiting = [rc[1].apply_async(f["napped"], 0.7), rc[1].apply_async(f["double"], 7)]
    rc.abort(waiting[1], targets=1, block=True)
    waiting[0].get(PATIENCE)
    quietly(lambda: waiting[1].get(PATIENCE), ipp.TaskAborted)
    rc.abort(targets=1, block=True)
    rc.clear(targets=1, block=True)
    rc.send_signal(0, targets=1, block=True)
    quietly(lambda: rc.send_signal("NOSUCH", targets=1, block=True), ipp.RemoteError)
    settle()


def hub_requests(rc, first):
    rc.queue_status()
    rc.queue_status(0, verbose=True)
    rc.result_status(first.msg_ids[0])
    rc.get_result(first.msg_ids[0], owner=False).get(PATIENCE)
    rc.hub_history()
    rc.db_query({"msg_id": first.msg_ids[0]})
    rc.db_query({"queue": "mux"}, keys=["buffers", "result_buffers", "submitted"])
    rc.db_query({"label": {"$nin": [""]}, "completed": {"$exists": True}}, keys=["label", "result_content"])
    again = rc.resubmit(first.msg_ids[0])
    assert again.get(PATIENCE) in (2, [2])
    rc.purge_hub_results(first.msg_ids)
    settle()


class Stranger:
    """Sockets without ipyparallel's client: what it does not say, or only wrongly."""

    def __init__(self, rc, path):
        with open(path) as file:
            info = json.load(file)
        self.session = Session(key=KEY.encode(), packer=PACKER, unpacker=PACKER, session="stranger-session")
        self.sockets = {}
        for name in ("registration", "mux", "control", "task"):
            self.sockets[name] = zmq.Context.instance().socket(zmq.DEALER)
            self.sockets[name].connect(f"tcp://127.0.0.1:{info[name]}")
        self.uuid = rc._engines[0].encode()

    def ask(self, name, message_type, content, **options):
        ident = self.uuid if name in ("mux", "control") else None
        header = self.session.send(self.sockets[name], message_type, content, ident=ident, **options)
        if not self.sockets[name].poll(PATIENCE * 1000):
            raise SystemExit(f"No reply to {message_type} at {name}")
        idents, reply = self.session.recv(self.sockets[name], 0, copy=True)
        assert reply["parent_header"].get("msg_id", header["header"]["msg_id"]) == header["header"]["msg_id"]
        return reply["content"]


def errors_of_hub(stranger, pending):
    hub = lambda kind, **content: stranger.ask("registration", kind, content)  # noqa: E731
    hub("connection_request")
    hub("queue_request", targets=[99], verbose=False)
    hub("queue_request", targets=None, verbose=True)
    hub("result_request", msg_ids=["nosuch"], status_only=False)
    hub("result_request", msg_ids=["nosuch"], status_only=True)
    hub("result_request", msg_ids=pending, status_only=True)
    hub("result_request", msg_ids=pending, status_only=False)
    hub("purge_request", msg_ids=pending, engine_ids=[])
    hub("purge_request", msg_ids=[], engine_ids=[99])
    hub("resubmit_request", msg_ids=["nosuch"])
    hub("db_request", query={"msg_id": {"$nosuch": 1}}, keys=None)
    hub("db_request", query={"msg_id": {"$ne": ""}}, keys=["nosuch"])
    hub("db_request", query={"completed": {"$lt": "2100-01-01T00:00:00Z"}}, keys=["completed"])
    hub("nosuch_request")
    hub("registration_request", uuid=stranger.uuid.decode())
    hub("history_request")
    settle()


def kernel_requests(stranger):
    for name in ("mux", "control"):
        ask = lambda kind, **content: stranger.ask(name, kind, content)  # noqa: E731
        ask("kernel_info_request")
        ask("comm_info_request")
    ask = lambda kind, **content: stranger.ask("mux", kind, content)  # noqa: E731
    ask("execute_request", code="n = 6 * 7", silent=False, store_history=True, user_expressions={"n": "n"})
    ask("execute_request", code="1 + 1", silent=False, user_expressions={"bad": "no_such_name"})
    ask("complete_request", code="n", cursor_pos=1)
    ask("inspect_request", code="n", cursor_pos=1, detail_level=0)
    ask("inspect_request", code="no_such_name", cursor_pos=5, detail_level=0)
    ask("is_complete_request", code="n")
    ask("is_complete_request", code="(")
    ask("history_request", hist_access_type="tail", n=3, output=False, raw=True)
    ask("history_request", hist_access_type="tail", n=3, output=True, raw=True)
    stranger.ask("control", "interrupt_request", {})
    stranger.ask("control", "abort_request", {"msg_ids": []})
    settle()


def converse(client_path):
    functions = {"__name__": "__main__"}
    exec(compile(PROGRAM, "<vectors>", "exec"), functions)
    rc = ipp.Client(client_path, timeout=PATIENCE)
    rc.wait_for_engines(2, timeout=PATIENCE)
    settle()
    direct_requests(rc, functions)
    first = tasks(rc, functions)
    broadcasts(rc, functions)
    controls(rc, functions)
    hub_requests(rc, first)
    stranger = Stranger(rc, client_path)
    slow = rc[1].apply_async(functions["napped"], 2.0)
    errors_of_hub(stranger, slow.msg_ids)
    slow.get(PATIENCE)
    kernel_requests(stranger)
    rc.shutdown(targets=1, block=True)
    wait_until(lambda: rc.ids == [0], "engine 1 has left")
    rc.queue_status()
    rc.purge_hub_results("all")
    settle()
    rc.shutdown(hub=True, block=True)
    wait_until(lambda: processes[0].poll() is not None, "the controller has ended")


# ---- how it is written down ----

PLACES = {
    sysconfig.get_paths()["purelib"]: "/python/site-packages",
    sysconfig.get_paths()["stdlib"]: "/python/lib",
    sys.prefix: "/python",
    sys.base_prefix: "/python",
    folder: "/profile",
    os.getcwd(): "/here",
}


def neutral(frames):
    """The same message without a word about this machine, signed."""
    if DELIMITER not in frames:
        return frames
    at = frames.index(DELIMITER)
    session = Session(key=KEY.encode(), packer=PACKER, unpacker=PACKER)
    parts = [neutral_part(session, part) for part in frames[at + 2 : at + 6]]
    mac = hmac.new(KEY.encode(), digestmod=hashlib.sha256)
    for part in parts:
        mac.update(part)
    signature = mac.hexdigest().encode()
    buffers = [neutral_pickle(buffer) for buffer in frames[at + 6 :]]
    return [*frames[: at + 1], signature, *parts, *buffers]


def neutral_part(session, part):
    value = session.unpack(part)
    text = json.dumps(value)
    for place, name in PLACES.items():
        text = text.replace(json.dumps(place)[1:-1], name)
    changed = json.loads(text)
    return part if changed == value else session.pack(changed)


def neutral_pickle(buffer):
    """Pickled code objects name their files; lengths stand before the names and stay."""
    for place, name in PLACES.items():
        if len(place) > 3:
            padded = name.ljust(len(place), "_")[: len(place)]
            buffer = buffer.replace(place.encode(), padded.encode())
    return buffer


def check_neutral(text):
    for word in [*PLACES, socket.gethostname(), os.path.expanduser("~") + "/"]:
        if len(word) > 3 and word in text:
            at = text.index(word)
            raise SystemExit(f"{word!r} stands in the capture: {text[max(0, at - 300):at + 100]!r}")


def neutral_file(info, ports):
    zeros = lambda value: [0] * len(value) if isinstance(value, list) else 0  # noqa: E731
    return {**info, "location": "controller-host", **{name: zeros(info[name]) for name in ports}}


def kind_of(frames):
    if DELIMITER not in frames:
        return "ping"
    session = Session(key=KEY.encode(), packer=PACKER, unpacker=PACKER)
    return session.unpack(frames[frames.index(DELIMITER) + 2])["msg_type"]


def write(files):
    """A line for each event. What was relayed stands once: `same` is the line of the event with the same message, and only idents differ."""
    lines, seen, first_at = [], {}, {}
    for event in recorder.events:
        frames = neutral(event["frames"])
        kind = kind_of(frames)
        where = (event["socket"], event["peer"] if kind == "ping" else "", kind)
        kept = {"ping": PINGS_KEPT, "status": STATUSES_KEPT}.get(kind)
        if kept is not None and seen.get(where, 0) >= kept:
            continue
        seen[where] = seen.get(where, 0) + 1
        check_neutral(b"\n".join(frames).decode("latin-1"))
        at = frames.index(DELIMITER) if kind != "ping" else 0
        message = tuple(frames[at:])
        first = first_at.setdefault(message, len(lines))
        if first < len(lines):
            event = {**event, "same": first, "frames": frames[:at]}
        else:
            event = {**event, "frames": frames}
        lines.append(event_as_json(event))
    head = {"key": KEY, "pack": PACKER, "ipyparallel": ipp.__version__, **files}
    with open(TARGET, "w") as file:
        file.write(json.dumps(head)[:-1] + ', "events": [\n' + ",\n".join(lines) + "\n]}\n")


def main():
    signal.alarm(TOTAL_LIMIT)  # a call that blocks for ever ends the program
    packers = [f"--Session.packer={PACKER}", f"--Session.unpacker={PACKER}"]
    start("controller", "-m", "ipyparallel.controller", "--ping=500", "--dictdb", *packers)
    client_path, client_info = relayed("client", CLIENT_PORTS)
    engine_path, engine_info = relayed("engine", ENGINE_PORTS)
    for i in range(2):
        start(f"engine{i}", "-m", "ipyparallel.engine", f"--file={engine_path}")
        if i == 0:
            wait_until(
                lambda: any(e["socket"] == "engine hb_pong" for e in recorder.events), "the first engine beats"
            )
    converse(client_path)
    files = {
        "client_file": neutral_file(client_info, CLIENT_PORTS),
        "engine_file": neutral_file(engine_info, ENGINE_PORTS),
    }
    write(files)


main()
