/** encodeError() for everything that can be thrown, and the codec in a realm where everything was replaced. */
import assert from "node:assert/strict";
import { encodeError, readValue } from "../../src/protocol/values.ts";

interface Coded {
  ename: string;
  evalue: string;
  traceback: string[];
  error?: unknown;
}

function coded(thrown: unknown): Coded {
  return readValue(encodeError(thrown)) as Coded;
}

Deno.test("an error is told by class name, message, stack and itself", () => {
  class QuotaError extends RangeError {}
  const error = new QuotaError("too much");
  const { ename, evalue, traceback, error: revived } = coded(error);
  assert.deepEqual([ename, evalue], ["QuotaError", "too much"]);
  assert.equal(traceback.join("\n"), error.stack);
  assert.ok(revived instanceof RangeError);
});

Deno.test("an error's own name wins over its class's", () => {
  const error = new Error("x");
  error.name = "Custom";
  assert.equal(coded(error).ename, "Custom");
  assert.equal(coded(new DOMException("m", "AbortError")).ename, "AbortError");
  assert.equal(coded(new TypeError("m")).ename, "TypeError");
});

Deno.test("values that are no errors are told by their type, and travel too", () => {
  assert.deepEqual(coded("text"), { ename: "string", evalue: "text", traceback: [], error: "text" });
  assert.deepEqual(coded(5), { ename: "number", evalue: "5", traceback: [], error: 5 });
  assert.deepEqual(coded(undefined), {
    ename: "undefined",
    evalue: "undefined",
    traceback: [],
    error: undefined,
  });
  assert.equal(coded(null).ename, "null");
  assert.deepEqual(coded(Symbol("s")), { ename: "symbol", evalue: "Symbol(s)", traceback: [] });
  class Problem {
    message = "what";
  }
  assert.deepEqual(coded(new Problem()), {
    ename: "Problem",
    evalue: "what",
    traceback: [],
    error: { message: "what" },
  });
  assert.deepEqual(coded({ a: 1 }).error, { a: 1 });
  assert.equal(coded(() => {}).ename, "Function");
});

Deno.test("nothing that is thrown makes it throw", () => {
  const refuse = (): never => {
    throw new Error("no");
  };
  const traps = {
    get: refuse,
    getPrototypeOf: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
    has: refuse,
  };
  const revocable = Proxy.revocable(new Error("x"), {});
  revocable.revoke();
  const getters = new Error("x");
  for (const key of ["message", "stack", "name", "cause", "constructor", "code"]) {
    Object.defineProperty(getters, key, { get: refuse, enumerable: true });
  }
  const endless: () => object = () => new Proxy(new Error("x"), { get: endless });
  const cyclic = new Error("cycle");
  cyclic.cause = cyclic;
  let chain = new Error("0");
  for (let i = 0; i < 5_000; i++) chain = new Error(`${i}`, { cause: chain });
  const bad = [
    new Proxy({}, traps),
    new Proxy(new Error("x"), traps),
    revocable.proxy,
    getters,
    endless(),
    cyclic,
    chain,
  ];
  for (const thrown of [...bad, Object.create(null), Object.create(Error.prototype), globalThis]) {
    const { ename, evalue, traceback } = coded(thrown);
    assert.equal(typeof ename, "string");
    assert.equal(typeof evalue, "string");
    assert.ok(Array.isArray(traceback));
  }
  assert.equal(coded(cyclic).evalue, "cycle");
});

Deno.test("texts without end are cut, and a wide error stays small", () => {
  const error: Error & Record<string, unknown> = new Error("m".repeat(10_000_000)) as
    & Error
    & Record<string, unknown>;
  error.stack = "漢\n".repeat(5_000_000);
  error.name = "N".repeat(1_000_000);
  for (let i = 0; i < 100; i++) error[`big${i}`] = new Uint8Array(400_000);
  const bytes = encodeError(error);
  assert.ok(bytes.length <= 1 << 20, `${bytes.length}`);
  const { ename, evalue, traceback } = readValue(bytes) as Coded;
  assert.equal(ename.length, 200);
  assert.equal(evalue.length, 64 << 10);
  assert.ok(traceback.length <= 1000);
});

Deno.test("an error with a property that cannot travel keeps the others", () => {
  const error = Object.assign(new Error("x"), { code: "E1", socket: () => {}, detail: { n: 1 } });
  const revived = coded(error).error as Error & { code: string; detail: unknown };
  assert.deepEqual([revived.code, revived.detail, "socket" in revived], ["E1", { n: 1 }, false]);
});

Deno.test("the codec works after everything that a task can reach was replaced", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-config",
      "--no-lock",
      new URL("./hostile_realm.ts", import.meta.url).pathname,
    ],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(code, 0);
  const [before, after, error, round] = new TextDecoder().decode(stdout).trim().split("\n");
  assert.equal(after, before);
  assert.equal(round, before);
  const bytes = Uint8Array.from(error!.split(","), Number);
  assert.deepEqual([(readValue(bytes) as Coded).ename, (readValue(bytes) as Coded).evalue], [
    "RangeError",
    "after",
  ]);
});
