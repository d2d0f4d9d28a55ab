/** Errors that callers catch: which one a content becomes, and what its message says. */
import assert from "node:assert/strict";
import {
  CompositeError,
  EngineError,
  errorFromContent,
  ImpossibleDependency,
  InvalidDependency,
  LimitExceeded,
  NamespaceLost,
  NoEnginesRegistered,
  PermissionDenied,
  RemoteError,
  TaskAborted,
  TaskCancelled,
  TaskTimeout,
  textsOf,
  UnmetDependency,
} from "../../src/protocol/errors.ts";

const engine_info = { engine_id: 3, engine_uuid: "u", method: "apply" };

Deno.test("a task's error is a RemoteError with its text and the error as its cause", () => {
  const inner = new RangeError("bad");
  const error = errorFromContent({
    ename: "RangeError",
    evalue: "bad",
    traceback: ["RangeError: bad", "    at f"],
    error: inner,
    engine_info,
  });
  assert.ok(error instanceof RemoteError);
  assert.deepEqual([error.name, error.ename, error.evalue], ["RemoteError", "RangeError", "bad"]);
  assert.equal(error.message, "[engine 3, apply] RangeError: bad");
  assert.equal(error.traceback, "RangeError: bad\n    at f");
  assert.equal(error.cause, inner);
  assert.deepEqual(error.engine, engine_info);
});

Deno.test("an error of a Python peer needs no more than name and text", () => {
  const error = errorFromContent({ ename: "KeyError", evalue: "'x'" });
  assert.ok(error instanceof RemoteError);
  assert.equal(error.message, "KeyError: 'x'");
  assert.ok(!("cause" in error));
});

Deno.test("what the system says becomes the class of that name", () => {
  const classes = [
    EngineError,
    TaskAborted,
    TaskCancelled,
    TaskTimeout,
    NamespaceLost,
    ImpossibleDependency,
    InvalidDependency,
    NoEnginesRegistered,
    UnmetDependency,
    PermissionDenied,
  ];
  for (const Class of classes) {
    const error = errorFromContent({ ename: Class.name, evalue: "why", engine_info: {} });
    assert.ok(error instanceof Class);
    assert.deepEqual([error.name, error.message], [Class.name, "why"]);
  }
});

Deno.test("a limit is told by the host's measurement", () => {
  const limit = { limit: "run time", value: 5200, max: 5000 };
  const error = errorFromContent({ ename: "LimitExceeded", evalue: "", limit, engine_info });
  assert.ok(error instanceof LimitExceeded);
  assert.deepEqual([error.limit, error.value, error.max], ["run time", 5200, 5000]);
  assert.equal(error.message, "Exceeded the limit of run time: 5200 of at most 5000");
  assert.deepEqual(error.engine, engine_info);
});

Deno.test("a task's error that calls itself the system's is a RemoteError", () => {
  for (const ename of ["LimitExceeded", "EngineError", "TaskCancelled", "NamespaceLost"]) {
    const thrown = Object.assign(new Error("x"), { name: ename });
    assert.ok(errorFromContent({ ename, evalue: "x", error: thrown }) instanceof RemoteError);
    assert.ok(errorFromContent({ ename, evalue: "x" }, true) instanceof RemoteError);
  }
});

Deno.test("a denied permission says which and where", () => {
  const denied = errorFromContent({
    ename: "NotCapable",
    evalue: 'Requires read access to "/etc/passwd", run again with the --allow-read flag',
    error: new Error("x"),
  });
  assert.ok(denied instanceof PermissionDenied);
  assert.deepEqual([denied.permission, denied.value], ["read", "/etc/passwd"]);
  const bare = new PermissionDenied("Requires ffi access, run again with the --allow-ffi flag");
  assert.deepEqual([bare.permission, bare.value], ["ffi", undefined]);
  assert.deepEqual([new PermissionDenied("no").permission, new PermissionDenied("no").value], [
    undefined,
    undefined,
  ]);
});

Deno.test("a CompositeError lists what failed where, and stays short", () => {
  const one = new RemoteError("RangeError", "bad", { engine: engine_info });
  const error = new CompositeError("apply on 4 engines", [
    { engine: 3, error: one },
    { error: new TaskAborted() },
  ]);
  assert.equal(
    error.message,
    "apply on 4 engines: 2 errors\n  [engine 3] RangeError: bad\n  [no engine] TaskAborted: Aborted before it ran",
  );
  assert.deepEqual(error.errors[0], one);
  assert.deepEqual(error.engines, [3, undefined]);
  const many = new CompositeError(
    "map",
    Array.from({ length: 100 }, (_, engine) => ({ engine, error: one })),
  );
  assert.equal(many.message.split("\n").length, 8);
  assert.match(many.message, /and 94 more$/);
});

Deno.test("texts of a list are texts, and not more than an error has lines", () => {
  const sparse = new Array(2 ** 32 - 1);
  sparse[1] = "here";
  assert.deepEqual(textsOf(sparse), ["here"]);
  assert.deepEqual(textsOf(["a", [new Array(2 ** 32 - 1)], 1n, "b"]), ["a", "b"]);
  assert.equal(textsOf(new Array(5000).fill("line")).length, 1000);
  assert.deepEqual(textsOf("text"), []);
});

Deno.test("a module that may not be loaded is a denied permission, whatever the loader calls it", () => {
  const evalue = 'Requires import access to "example.org:443", run again with the --allow-import flag';
  const error = errorFromContent({ ename: "TypeError", evalue, error: new TypeError(evalue) });
  assert(error instanceof PermissionDenied);
  assert.deepEqual([error.permission, error.value], ["import", "example.org:443"]);
  const other = errorFromContent({ ename: "TypeError", evalue: "Requires a number", error: null });
  assert.equal(other.name, "RemoteError");
});
