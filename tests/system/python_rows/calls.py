# Functions, names and values.

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


@row("2 broadcast, coalescing: one answer of all, arrays and errors")
def _():
    coalesced = rc.broadcast_view(targets=ids, is_coalescing=True)
    equal(coalesced.apply_sync(R("double"), 4), [8, 8])
    for got in coalesced.apply_sync(R("same"), np.arange(5000)):
        equal(got, np.arange(5000))
    equal(coalesced.apply_sync(R("same"), [b"x" * 3000, None]), [[b"x" * 3000, None]] * 2)
    view.scatter("side", [1, 2], flatten=True, block=True)
    equal(coalesced.pull("side", block=True), [1, 2])
    error = error_of(coalesced.apply_async, R("fail"), "no")
    assert error.ename == "RangeError", error


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
    equal(one.pull(["null", "undefined", "true", "1+1"], block=True), [None, None, True, 2])
    equal([one.pull("null", block=True), one["true"]], [None, True])
    endless = error_of(one.pull, "new Array(2**32-1)", block=True)
    equal([endless.ename, "4294967295 places" in endless.evalue], ["PicklingError", True])
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
