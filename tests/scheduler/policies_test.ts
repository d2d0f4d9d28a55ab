import assert from "node:assert/strict";
import { POLICIES } from "../../src/scheduler/policies.ts";
import { policyContract } from "../contracts/policy.ts";

policyContract("leastload", POLICIES.leastload, false);
policyContract("lru", POLICIES.lru, false);
policyContract("plainrandom", POLICIES.plainrandom, true);
policyContract("twobin", POLICIES.twobin, true);
policyContract("weighted", POLICIES.weighted, true);

Deno.test("leastload takes the first of the least loaded", () => {
  assert.equal(POLICIES.leastload(new Float64Array([3, 1, 2, 1]), 4, Math.random), 1);
});

Deno.test("twobin takes the one of two drawn that waited longer, whatever its load", () => {
  const draws = [0.9, 0.4];
  assert.equal(POLICIES.twobin(new Float64Array([0, 9, 1]), 3, () => draws.shift()!), 1);
});

Deno.test("weighted prefers idle engines by far", () => {
  let idle = 0, state = 7;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  for (let i = 0; i < 1000; i++) if (POLICIES.weighted(new Float64Array([10, 0]), 2, random) === 1) idle++;
  assert.ok(idle > 990, `${idle} of 1000`);
});
