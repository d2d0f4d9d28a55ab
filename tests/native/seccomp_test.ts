import assert from "node:assert/strict";
import { ALL_CLOSED, filterSteps, type Openings } from "../../src/native/seccomp.ts";
import { AARCH64, type SeccompTable, X86_64 } from "../../src/native/seccomp_tables.ts";

const ALLOW = 0x7fff0000, EPERM = 0x50001, ENOSYS = 0x50026, EOPNOTSUPP = 0x5005f, KILL = 0x80000000;
const PID = 4711;
const ALL_OPEN: Openings = {
  internet: true,
  unixSockets: true,
  machines: true,
  priorities: true,
  interfaces: true,
  attributes: true,
  watching: true,
  programs: true,
};

interface Call {
  readonly number: number;
  readonly audit?: number;
  readonly arguments?: readonly number[];
}

/** Runs a filter as the kernel would; only the operations that we use. */
function verdict(table: SeccompTable, call: Call, open: Openings = ALL_CLOSED): number {
  const data = new Map([[0, call.number], [4, call.audit ?? table.audit]]);
  for (let i = 0; i < 6; i++) data.set(16 + 8 * i, call.arguments?.[i] ?? 0);
  const steps = filterSteps(table, PID, open);
  let accumulator = 0;
  for (let at = 0; at < steps.length; at++) {
    const [operation, ifTrue, ifFalse, constant] = steps[at]!;
    assert.ok(ifTrue < 256 && ifFalse < 256, "a jump is a byte");
    const jump = (holds: boolean) => at += holds ? ifTrue : ifFalse;
    if (operation === 0x20) accumulator = data.get(constant)!;
    else if (operation === 0x54) accumulator = (accumulator & constant) >>> 0;
    else if (operation === 0x15) jump(accumulator === constant);
    else if (operation === 0x35) jump(accumulator >= constant);
    else return constant >>> 0;
  }
  throw new Error("The filter has no end");
}

/** Calls that a grant opens, whatever their arguments. */
function opened(table: SeccompTable): number[] {
  return [...table.network, ...table.programs, ...table.attributes, ...table.watching];
}

/** Calls whose arguments are looked at. */
function special(table: SeccompTable): number[] {
  const { clone, clone3, socket, socketpair, setpriority, signals, ownOnly } = table;
  return [clone, clone3, socket, socketpair, setpriority, ...signals, ...ownOnly.map(([call]) => call)];
}

for (const [name, table] of Object.entries({ X86_64, AARCH64 })) {
  Deno.test(`the filter of ${name} refuses its tables and allows the rest`, () => {
    const closed = [...table.refused, ...opened(table)];
    for (const number of closed) assert.equal(verdict(table, { number }), EPERM, `call ${number}`);
    for (const number of table.unsupported) assert.equal(verdict(table, { number }), EOPNOTSUPP);
    for (const number of [467, 468, 469, 500, 0x3fffffff]) {
      assert.equal(verdict(table, { number }, ALL_OPEN), ENOSYS, "what nobody knew");
    }
    for (let number = 0; number < 467; number++) {
      if (table.unsupported.includes(number)) continue;
      if (closed.includes(number) || special(table).includes(number)) continue;
      assert.equal(verdict(table, { number }), ALLOW, `call ${number}`);
    }
  });

  Deno.test(`the filter of ${name} opens what is granted, and nothing of what never is`, () => {
    for (const number of opened(table)) assert.equal(verdict(table, { number }, ALL_OPEN), ALLOW);
    for (const number of table.refused) assert.equal(verdict(table, { number }, ALL_OPEN), EPERM);
    const { socket } = table;
    const of = (open: Partial<Openings>) => (...args: number[]) =>
      verdict(table, { number: socket, arguments: args }, { ...ALL_CLOSED, ...open });
    const internet = of({ internet: true }),
      unix = of({ unixSockets: true }),
      asks = of({ interfaces: true });
    const cloexec = 0x80000;
    for (const family of [2, 10]) {
      for (const [type, protocol] of [[1, 0], [1, 6], [2, 0], [2, 17], [1 | cloexec, 0]]) {
        assert.equal(internet(family, type!, protocol!), ALLOW);
        assert.equal(unix(family, type!, protocol!), EPERM);
        assert.equal(of({})(family, type!, protocol!), EPERM);
      }
      // Raw, MPTCP, SCTP, ICMP, UDP-Lite: none is seen by Landlock.
      for (const [type, protocol] of [[3, 0], [1, 262], [1, 132], [2, 1], [2, 136], [5, 132]]) {
        assert.equal(internet(family, type!, protocol!), EPERM);
      }
    }
    assert.deepEqual([unix(1, 1, 0), internet(1, 1, 0), asks(1, 1, 0)], [ALLOW, EPERM, EPERM]);
    assert.deepEqual([asks(16, 3, 0), asks(16, 3, 15), internet(16, 3, 0)], [ALLOW, EPERM, EPERM]);
    assert.deepEqual([of({ machines: true })(40, 1, 0), internet(40, 1, 0)], [ALLOW, EPERM]);
    for (const family of [17, 43, 38]) assert.equal(of(ALL_OPEN)(family, 1, 0), EPERM);
  });

  Deno.test(`the filter of ${name} lets no flag connect on the way`, () => {
    const open = { ...ALL_CLOSED, internet: true };
    for (const [number, at] of table.fastOpen) {
      const flags = (value: number) => Array.from({ length: at + 1 }, (_, i) => i === at ? value : 0);
      assert.equal(verdict(table, { number, arguments: flags(0x4000) }, open), ALLOW);
      assert.equal(verdict(table, { number, arguments: flags(0x20004000) }, open), EPERM);
    }
  });

  Deno.test(`the filter of ${name} looks at clone's flags, at whom a signal goes to, and at the architecture`, () => {
    const programs = { ...ALL_CLOSED, programs: true };
    const clone = (flags: number, open = ALL_CLOSED) =>
      verdict(table, { number: table.clone, arguments: [flags] }, open);
    assert.deepEqual([clone(0x3d0f00), clone(0x11)], [ALLOW, EPERM]);
    assert.deepEqual([clone(0x3d0f00, programs), clone(0x4111, programs)], [ALLOW, ALLOW]);
    for (const namespace of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      assert.equal(clone(0x11 | namespace, programs), EPERM);
    }
    assert.equal(verdict(table, { number: table.clone3 }, ALL_OPEN), ENOSYS);
    for (const number of table.signals) {
      assert.equal(verdict(table, { number, arguments: [PID] }), ALLOW);
      assert.equal(verdict(table, { number, arguments: [1] }), EPERM);
      assert.equal(verdict(table, { number, arguments: [1] }, programs), ALLOW);
    }
    for (const [number, at] of table.ownOnly) {
      const who = (pid: number) => Array.from({ length: at + 1 }, (_, i) => i === at ? pid : 1);
      assert.equal(verdict(table, { number, arguments: who(0) }), ALLOW);
      assert.equal(verdict(table, { number, arguments: who(1) }, ALL_OPEN), EPERM);
    }
    const priority = { number: table.setpriority, arguments: [0, 1, 19] };
    assert.deepEqual([verdict(table, priority), verdict(table, priority, ALL_OPEN)], [EPERM, ALLOW]);
    assert.equal(verdict(table, { ...priority, arguments: [0, 0, 19] }), ALLOW);
    const pair = (...args: number[]) =>
      verdict(table, { number: table.socketpair, arguments: args }, programs);
    assert.deepEqual([pair(1, 0x80001), pair(1, 2), pair(2, 1)], [ALLOW, EPERM, EPERM]);
    assert.equal(verdict(table, { number: 1, audit: 0x40000003 }), KILL);
    if (table.x32) assert.equal(verdict(table, { number: 0x40000000 + 1 }, ALL_OPEN), EPERM);
  });

  Deno.test(`the filter of ${name} looks at what prctl, fcntl and ioctl are to do`, () => {
    for (const { call: number, argument, values } of table.forbidden) {
      const with_ = (value: number) =>
        verdict(table, { number, arguments: [0, 0, 0].map((_, i) => i === argument ? value : 77) }, ALL_OPEN);
      for (const value of values) assert.equal(with_(value), EPERM);
      for (const value of [0, 2, 3, 4, 14, 15, 0x5401, 0x541b]) {
        if (!values.includes(value)) assert.equal(with_(value), ALLOW);
      }
    }
  });

  Deno.test(`the filter of ${name} names no call twice`, () => {
    const looked = [...table.unsupported, ...table.forbidden.map(({ call }) => call)];
    const all = [...table.refused, ...looked, ...opened(table), ...special(table)];
    assert.equal(new Set(all).size, all.length);
  });
}
