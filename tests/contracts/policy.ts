/**
 * What every routing scheme must keep, whatever its rule: an index inside the candidates, for any loads, and its own figure of fairness.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Policy } from "../../src/scheduler/policies.ts";

/** Runs the suite for one scheme; `draws` says whether it uses chance. */
export function policyContract(name: string, policy: Policy, draws: boolean): void {
  const loadsOf = fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 });

  Deno.test(`${name} chooses one of the candidates`, () => {
    fc.assert(fc.property(loadsOf, fc.double({ min: 0, max: 0.999999, noNaN: true }), (loads, chance) => {
      const column = new Float64Array(64).fill(-1);
      column.set(loads);
      const chosen = policy(column, loads.length, () => chance);
      assert.ok(
        Number.isInteger(chosen) && chosen >= 0 && chosen < loads.length,
        `${chosen} of ${loads.length}`,
      );
    }));
  });

  Deno.test(`${name} takes the only candidate`, () => {
    assert.equal(policy(new Float64Array([7]), 1, Math.random), 0);
  });

  Deno.test(`${name} ${draws ? "reaches every candidate" : "is the same for the same loads"}`, () => {
    const loads = new Float64Array([1, 1, 1, 1]);
    const seen = new Set<number>();
    let state = 1;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    for (let i = 0; i < 500; i++) seen.add(policy(loads, 4, random));
    assert.equal(seen.size, draws ? 4 : 1);
  });
}
