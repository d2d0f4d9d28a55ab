import { equal } from "node:assert/strict";
import { parseQuery } from "../../src/hub/query_match.ts";

/** Whether a label passes a test. */
function passes(label: unknown, test: unknown): boolean {
  return parseQuery({ "metadata.label": test }).every((condition) => condition.test(label));
}

Deno.test("numbers beyond 2^53 are compared by all their digits", () => {
  const n = 2n ** 64n;
  equal(passes(n, n), true);
  equal(passes(n, n + 1n), false);
  equal(passes(n, { $ne: n - 1n }), true);
  equal(passes(n, { $gt: n - 1n, $lt: n + 1n, $gte: n, $lte: n }), true);
  equal(passes(n, { $gt: 3, $lt: 1e300 }), true);
  equal(passes(-n, { $lt: 0.5 }), true);
  equal(passes(n, { $gt: "3" }), false);
  equal(passes(7, { $lt: n }), true);
});

Deno.test("a fraction's type that holds a whole number is the number that would be written of it", () => {
  equal(passes(1.2345678901234567e19, 12345678901234567000n), true);
  equal(passes(12345678901234567000n, 1.2345678901234567e19), true);
  equal(passes(1e22, 10n ** 22n), true);
});

Deno.test("$mod is Python's remainder, exact for numbers of any length", () => {
  const n = 10n ** 20n + 7n;
  equal(passes(n, { $mod: [10, 7] }), true);
  equal(passes(-n, { $mod: [10, 3] }), true);
  equal(passes(n, { $mod: [-10, -3] }), true);
  equal(passes(n, { $mod: [n, 0] }), true);
  equal(passes(7, { $mod: [n, 7] }), true);
  equal(passes(0.5, { $mod: [n, 0.5] }), false);
  equal(passes(-7.5, { $mod: [2, 0.5] }), true);
});
