import assert from "node:assert/strict";
import { orderOf } from "../../src/client/graph.ts";
import { importCode } from "../../src/client/import_modules.ts";
import { cyclicParts, joinCyclic } from "../../src/client/scatter.ts";

const run = () => 1;

Deno.test("a graph's nodes come after those that they name", () => {
  const order = orderOf({
    d: { run, after: ["b", "c"] },
    b: { run, after: ["a"] },
    c: { run, follow: ["a"] },
    a: { run },
  });
  assert.deepEqual(order, ["a", "b", "c", "d"]);
  const deep = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, i) => [`n${i}`, { run, after: i < 19_999 ? [`n${i + 1}`] : [] }]),
  );
  assert.equal(orderOf(deep)[0], "n19999");
});

Deno.test("cycles and unknown names are refused by name", () => {
  assert.throws(
    () => orderOf({ x: { run, after: ["a"] }, a: { run, after: ["b"] }, b: { run, follow: ["a"] } }),
    /cycle: "a" waits for "b" waits for "a"/,
  );
  assert.throws(() => orderOf({ a: { run, after: ["a"] } }), /"a" waits for "a"/);
  assert.throws(
    () => orderOf({ a: { run, after: ["toString"] } }),
    /node "a" waits for "toString", which is no node/,
  );
});

Deno.test("cyclic parts join to what they were", () => {
  for (let length = 0; length < 12; length++) {
    const list = Array.from({ length }, (_, i) => i);
    for (const count of [1, 2, 3, 5]) {
      assert.deepEqual(joinCyclic(cyclicParts(list, count, false)), list);
      assert.deepEqual(joinCyclic(cyclicParts(list, count, true)), list);
      const typed = BigInt64Array.from(list.map(BigInt));
      assert.deepEqual(joinCyclic(cyclicParts(typed, count, false)), typed);
    }
  }
  assert.deepEqual(cyclicParts([1, 2, 3, 4, 5], 2, false), [[1, 3, 5], [2, 4]]);
});

Deno.test("imports are written in the engine's language", () => {
  assert.equal(importCode(["node:path"], true), 'import * as path from "node:path";');
  assert.equal(importCode(["npm:lodash@4"], true), 'import * as lodash from "npm:lodash@4";');
  assert.equal(importCode({ p: "./a-b.ts" }, true), 'import * as p from "./a-b.ts";');
  assert.equal(importCode(["os.path"], false), "import os.path");
  assert.equal(importCode({ np: "numpy" }, false), "import numpy as np");
  assert.throws(() => importCode([], true), /none is named/);
  assert.throws(() => importCode(["./a-b.ts"], true), /no name of a variable; name it/);
  assert.throws(() => importCode(["os; x = 1"], false), /no name of a Python module/);
});
