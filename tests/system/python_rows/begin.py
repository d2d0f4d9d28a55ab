"""Python's client on TypeScript engines: one function for each thing that an engine must do.

The files of this folder are one program, in the order of begin, engine, calls, requests, leaving.

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
