"""Writes pickles.json: requests as a real Python client packs them, and what they hold.

Run with a Python that has ipyparallel 9.2, numpy, cloudpickle and dill.  The client's own code packs them; nothing is sent.
"""
import base64
import functools
import json
import pathlib

import numpy
import ipyparallel as ipp
from ipyparallel import util
from ipyparallel.client.remotefunction import _map
from ipyparallel.serialize import canning, pack_apply_message, serialize

VECTORS = []


def callee(module, name):
    return {"kind": "function", "module": module, "name": name}


def add(name, expected, f, *args, **kwargs):
    for protocol in (2, 4, 5):
        serialize.PICKLE_PROTOCOL = protocol
        buffers = [base64.b64encode(bytes(b)).decode() for b in pack_apply_message(f, args, kwargs)]
        VECTORS.append({"name": f"{name}, protocol {protocol}", "buffers": buffers, "expected": expected})


def by_name(name):
    return {"kind": "reference", "name": name}


add("push of plain values",
    {"callee": callee("ipyparallel.util", "_push"), "args": [], "kwargs": {"a": 1, "b": [1, "x", None], "c": {"k": 2.5}}},
    util._push, a=1, b=[1, "x", None], c={"k": 2.5})
add("push of bytes and an array that travel apart",
    {"callee": callee("ipyparallel.util", "_push"), "args": [], "kwargs": {"big": [7] * 2000, "xs": list(range(300))}},
    util._push, xs=numpy.arange(300, dtype="f8"), big=b"\x07" * 2000)
add("push of a small array, bytes and a memoryview",
    {"callee": callee("ipyparallel.util", "_push"), "args": [],
     "kwargs": {"b": [1, 2], "m": [3], "xs": {"shape": [2, 2], "dtype": "<i4", "data": [0, 1, 2, 3]}}},
    util._push, xs=numpy.arange(4, dtype="i4").reshape(2, 2), b=b"\x01\x02", m=memoryview(b"\x03"))
add("push of an empty array", {"callee": callee("ipyparallel.util", "_push"), "args": [], "kwargs": {"xs": []}},
    util._push, xs=numpy.zeros(0))
add("pull of a name", {"callee": callee("ipyparallel.util", "_pull"), "args": ["a"], "kwargs": {}}, util._pull, "a")
add("pull of names", {"callee": callee("ipyparallel.util", "_pull"), "args": [["a", "b"]], "kwargs": {}},
    util._pull, ["a", "b"])
add("a Reference with arguments of all kinds",
    {"callee": by_name("f"), "args": [1, "Reference(x)", [1, "Reference(y.z)"], [1, 2], [9] * 1500],
     "kwargs": {"key": {"inner": [5] * 3}}},
    ipp.Reference("f"), 1, ipp.Reference("x"), [1, ipp.Reference("y.z")], (1, 2), b"\x09" * 1500, key={"inner": b"\x05\x05\x05"})
add("a dict whose large values are packed in the order of its keys",
    {"callee": by_name("f"), "args": [{"\U0001f600": [1] * 2000, "\uffee": [2] * 3000}], "kwargs": {}},
    ipp.Reference("f"), {"\U0001f600": b"\x01" * 2000, "\uffee": b"\x02" * 3000})
add("a container of more than 64 items", {"callee": by_name("f"), "args": [[[1] * 20] * 70], "kwargs": {}},
    ipp.Reference("f"), [b"\x01" * 20] * 70)
add("the map of a Reference",
    {"callee": callee("ipyparallel.client.remotefunction", "_map"), "args": ["Reference(f)", [0, 1, 2]], "kwargs": {}},
    _map, ipp.Reference("f"), [0, 1, 2])


def outer(n):
    def inner(x, y=[1], *, z=3):
        return x + n

    return inner


inner = outer(1)
inner.__module__ = "__main__"
add("a function with a closure and defaults", {"callee": callee("__main__", "inner"), "args": [1], "kwargs": {}}, inner, 1)
add("a lambda", {"callee": callee("__main__", "<lambda>"), "args": [], "kwargs": {}}, lambda: 1)
add("a function that has bound arguments", {"callee": callee("__main__", "inner"), "args": [], "kwargs": {}},
    functools.partial(inner, 5))
add("a built-in", {"callee": callee("builtins", "len"), "args": [[1]], "kwargs": {}}, len, [1])
add("a function with a dependency", {"callee": callee("__main__", "inner"), "args": [], "kwargs": {}},
    ipp.depend(lambda: True)(inner))
add("an argument that is no data",
    {"callee": by_name("f"), "fault": "Cannot read a pickle: it names builtins.complex, which is no data for this side"},
    ipp.Reference("f"), [1j])

for use, module, own in (canning.use_cloudpickle, "cloudpickle", "__main__"), (canning.use_dill, "dill", ""):
    use()
    add(f"a lambda by {module}", {"callee": callee(own, "<lambda>"), "args": [2], "kwargs": {}}, lambda x: x, 2)
    add(f"push by {module}", {"callee": callee("ipyparallel.util", "_push"), "args": [], "kwargs": {"a": [1, 2]}},
        util._push, a=[1, 2])
    canning.use_pickle()

path = pathlib.Path(__file__).with_name("pickles.json")
path.write_text(json.dumps(VECTORS, indent=0) + "\n")
