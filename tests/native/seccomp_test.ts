import assert from "node:assert/strict";
import { AARCH64, filterSteps, type SeccompTable, X86_64 } from "../../src/native/seccomp.ts";

const ALLOW = 0x7fff0000, EPERM = 0x50001, ENOSYS = 0x50026, KILL = 0x80000000;
const PID = 4711;

/** Runs a filter as the kernel would; only the operations that we use. */
function verdict(table: SeccompTable, call: { number: number; audit?: number; argument?: number }): number {
  const data = new Map([[0, call.number], [4, call.audit ?? table.audit], [16, call.argument ?? 0]]);
  const steps = filterSteps(table, PID);
  let accumulator = 0;
  for (let at = 0; at < steps.length; at++) {
    const [operation, ifTrue, ifFalse, constant] = steps[at]!;
    const jump = (holds: boolean) => at += holds ? ifTrue : ifFalse;
    if (operation === 0x20) accumulator = data.get(constant)!;
    else if (operation === 0x15) jump(accumulator === constant);
    else if (operation === 0x35) jump(accumulator >= constant);
    else if (operation === 0x45) jump((accumulator & constant) !== 0);
    else return constant >>> 0;
  }
  throw new Error("The filter has no end");
}

for (const [name, table] of Object.entries({ X86_64, AARCH64 })) {
  Deno.test(`the filter of ${name} refuses its table and allows the rest`, () => {
    for (const number of table.refused) assert.equal(verdict(table, { number }), EPERM, `call ${number}`);
    const special = [table.clone, table.clone3, ...table.ownPidOnly];
    for (let number = 0; number < 470; number++) {
      if (table.refused.includes(number) || special.includes(number)) continue;
      assert.equal(verdict(table, { number }), ALLOW, `call ${number}`);
    }
  });

  Deno.test(`the filter of ${name} looks at clone's flags, at whom a signal goes to, and at the architecture`, () => {
    assert.equal(verdict(table, { number: table.clone, argument: 0x3d0f00 }), ALLOW);
    assert.equal(verdict(table, { number: table.clone, argument: 0x11 }), EPERM);
    assert.equal(verdict(table, { number: table.clone3 }), ENOSYS);
    for (const number of table.ownPidOnly) {
      assert.equal(verdict(table, { number, argument: PID }), ALLOW);
      assert.equal(verdict(table, { number, argument: 1 }), EPERM);
    }
    assert.equal(verdict(table, { number: 1, audit: 0x40000003 }), KILL);
    if (table.x32) assert.equal(verdict(table, { number: 0x40000000 + 1 }), EPERM);
  });

  Deno.test(`the filter of ${name} names no call twice`, () => {
    assert.equal(new Set(table.refused).size, table.refused.length);
  });
}
