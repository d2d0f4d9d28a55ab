/** Shares, priorities and ageing over long conversations, on a clock of their own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Scheme } from "../../src/scheduler/policies.ts";
import { type TaskName, World } from "./core_world.ts";

const MINUTE = 60_000;
const schemes: readonly Scheme[] = ["leastload", "lru", "plainrandom", "twobin", "weighted"];

Deno.test("a client that piled up 100,000 tasks delays another's single tasks by what engines hold, whatever the scheme", () => {
  for (const policy of schemes) {
    for (const hwm of [null, 1, 8, 0]) {
      const world = new World({ engines: 2, policy, hwm, lasts: () => 1 });
      world.submit(1, 100_000);
      world.pass(50);
      for (let i = 0; i < 20; i++) {
        const before = world.ended.length;
        const n = world.submit(2, 1);
        world.run(() => !world.ended.some(({ client, n: ended }) => client === 2 && ended === n));
        const others = world.ended.length - before - 1;
        assert.ok(others <= 20, `${policy}, hwm ${hwm}: ${others} tasks of the other ended meanwhile`);
        world.pass(3);
      }
    }
  }
});

Deno.test("ten tasks at once come back while the other client's get as much time", () => {
  const world = new World({ engines: 1, lasts: () => 1 });
  world.submit(1, 100_000);
  world.pass(50);
  const before = world.ended.length;
  world.submit(2, 10);
  world.run(() => world.ended.filter(({ client }) => client === 2).length < 10);
  const others = world.ended.length - before - 10;
  assert.ok(others <= 25, `${others} tasks of the other ended meanwhile`);
});

Deno.test("engines that were supplied ahead with what turns out long are asked for it back", () => {
  const world = new World({ engines: 2, lasts: ({ client, n }) => client === 1 && n > 2000 ? 500 : 0.02 });
  world.submit(1, 4000);
  world.run(() => world.ended.length < 1990);
  world.pass(10);
  const before = world.ended.length;
  world.submit(2, 1);
  world.run(() => !world.ended.some(({ client }) => client === 2));
  assert.ok(world.recalls > 0);
  const long = world.ended.slice(before).filter(({ client, n }) => client === 1 && n > 2000).length;
  assert.ok(long <= 4, `${long} long tasks ended meanwhile`);
});

Deno.test("clients that always have something waiting share engine time, not tasks", () => {
  const lengths = fc.array(fc.constantFrom(0.3, 1, 4, 30, 100), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(lengths, fc.constantFrom(1, 2, 5), fc.constantFrom(null, 1, 4), (lasts, engines, hwm) => {
      const world = new World({ engines, hwm, lasts: ({ client }) => lasts[client - 1]! });
      const whole = 60 * Math.max(...lasts) * lasts.length / engines;
      for (let i = 0; i < lasts.length; i++) world.submit(i + 1, Math.ceil(2 * whole * engines / lasts[i]!));
      world.pass(whole);
      const had = lasts.map((_, i) => world.engineMs.get(i + 1) ?? 0);
      const most = Math.max(...had), least = Math.min(...had);
      // What is under way when the time is over, and what was given before anything was known of a client's times.
      const slack = 4 * engines * Math.max(...lasts) + 20;
      assert.ok(most - least <= slack, `${had} of ${lasts}, ${engines} engines`);
    }),
    { numRuns: 40 },
  );
});

Deno.test("who was away has saved nothing up, who was alone owes nothing", () => {
  const world = new World({ engines: 1, hwm: 1, lasts: () => 5 });
  world.submit(2, 1);
  world.submit(1, 2000);
  world.pass(5000);
  const before = new Map(world.engineMs);
  world.submit(2, 500);
  world.pass(1000);
  const had = [1, 2].map((client) => world.engineMs.get(client)! - before.get(client)!);
  assert.ok(Math.abs(had[0]! - had[1]!) <= 15, `${had}`);
});

Deno.test("a client whose tasks could go to a busy engine only does not make up for it without end", () => {
  const world = new World({ engines: 10, hwm: 1, lasts: () => 5 });
  world.submit(1, 200_000);
  world.submit(2, 20_000, { targets: [0] });
  world.pass(20_000);
  const before = new Map(world.engineMs);
  world.submit(2, 20_000);
  world.pass(2_000);
  const had = [1, 2].map((client) => world.engineMs.get(client)! - before.get(client)!);
  assert.ok(had[0]! > 8000, `${had}`);
});

Deno.test("within a client tasks are assigned by submission less a minute for each level, however late they became ready", () => {
  const step = fc.record({
    waits: fc.integer({ min: 0, max: 3 * MINUTE }),
    priority: fc.integer({ min: -4, max: 4 }),
    isLate: fc.boolean(),
    isBound: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: "max" }), (steps) => {
    const world = new World({ engines: 1, hwm: 1, lasts: ({ n }) => n === 1 ? 10_000 * MINUTE : 1 });
    world.submit(1, 1);
    const expected: { key: number; n: number }[] = [];
    for (const { waits, priority, isLate, isBound } of steps) {
      world.pass(waits);
      const options = {
        priority,
        ...(isLate ? { after: [1] } : {}),
        ...(isBound ? { targets: [0] } : {}),
      };
      const n = world.submit(1, 1, options);
      expected.push({ n, key: world.now - priority * MINUTE - (isBound ? MINUTE / 2 : 0) });
    }
    world.run();
    expected.sort((a, b) => a.key - b.key || a.n - b.n);
    assert.deepEqual(world.assigned.slice(1).map(({ n }) => n), expected.map(({ n }) => n));
  }));
});

Deno.test("no task starves: a stream of higher priority passes it for as many minutes as it has levels more", () => {
  for (const levels of [1, 3, 10, 2000]) {
    const world = new World({ engines: 1, hwm: 1, lasts: () => 40_000 });
    const high = Math.min(1000, levels - 1000 < -1000 ? levels : levels - 1000), low = high - levels;
    world.submit(1, 2, { priority: high });
    const at = world.now, n = world.submit(1, 1, { priority: low });
    const hasBegun = () => world.assigned.some((task) => task.n === n);
    // Three tasks come in the time of two: the queue of the high ones never runs dry.
    let waited = 0;
    for (; !hasBegun(); waited = world.now - at) {
      assert.ok(
        waited < 2 * levels * MINUTE + 10 * MINUTE,
        `level ${levels}: waits for ${waited / MINUTE} minutes`,
      );
      world.submit(1, 3, { priority: high });
      world.pass(80_000);
    }
    assert.ok(waited >= levels * MINUTE, `level ${levels}: only ${waited / MINUTE} minutes`);
    const passedBy = world.assigned.findIndex((task) => task.n === n);
    const before = Math.ceil(levels * MINUTE / 80_000) * 3 + 6;
    assert.ok(passedBy <= before, `level ${levels}: ${passedBy} tasks went before it, at most ${before} may`);
  }
});

Deno.test("whatever happens, each task ends once and none is left", () => {
  const client = fc.integer({ min: 1, max: 3 });
  const act = fc.oneof(
    fc.record({
      kind: fc.constant("submit" as const),
      client,
      count: fc.integer({ min: 1, max: 30 }),
      priority: fc.integer({ min: -2, max: 2 }),
      retries: fc.integer({ min: 0, max: 2 }),
      target: fc.constantFrom(null, 0, 1),
      after: fc.option(fc.integer({ min: 1, max: 20 })),
    }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 200 }) }),
    fc.record({ kind: fc.constant("cancel" as const), client, n: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant("leave" as const), engine: fc.constantFrom(1, 2) }),
    fc.record({ kind: fc.constant("join" as const), engine: fc.constantFrom(1, 2) }),
    fc.record({
      kind: fc.constant("giveBack" as const),
      engine: fc.constantFrom(0, 1, 2),
      count: fc.nat(10),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(act, { maxLength: 60, size: "max" }),
      fc.constantFrom(null, 0, 1, 20),
      fc.constantFrom(...schemes),
      (acts, hwm, policy) => {
        const world = new World({
          engines: 3,
          hwm,
          policy,
          lasts: ({ client, n }) => (client * 7 + n * 3) % 11 + 0.5,
          fails: ({ n }) => n % 5 === 0,
        });
        const alive = new Set([0, 1, 2]), sent = new Map<number, number>();
        for (const one of acts) {
          if (one.kind === "submit") {
            const { client, count, priority, retries, target, after } = one;
            const known = sent.get(client) ?? 0;
            const options = {
              priority,
              retries,
              ...(target === null ? {} : { targets: [target] }),
              ...(after === null || after > known ? {} : { after: { ids: [after], failure: true } }),
            };
            sent.set(client, world.submit(client, count, count % 3 === 0 ? null : options));
          } else if (one.kind === "pass") world.pass(one.ms);
          else if (one.kind === "cancel") world.cancel(one.client, one.n);
          else if (one.kind === "giveBack") world.giveBack(one.engine, one.count);
          else if (one.kind === "leave") {
            if (alive.delete(one.engine)) world.leave(one.engine);
          } else if (!alive.has(one.engine)) {
            alive.add(one.engine);
            world.join(one.engine);
          }
        }
        world.run();
        const name = ({ client, n }: TaskName) => `${client}.${n}`;
        const wanted = [...sent].flatMap(([client, last]) =>
          Array.from({ length: last }, (_, i) => name({ client, n: i + 1 }))
        );
        assert.deepEqual(world.ended.map(name).sort(), wanted.sort());
        assert.equal(world.core.waiting, 0);
        assert.equal(world.core.table.open, 0);
        assert.equal(world.core.frames.bytes, 0);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("many clients that wait for few places take nothing away from each other", () => {
  const world = new World({ engines: 2, lasts: () => 15 });
  for (let client = 1; client <= 50; client++) world.submit(client, 20);
  world.run();
  assert.equal(world.ended.length, 1000);
  // But for what the first had at the engines before the others came.
  assert.ok(world.assigned.length <= 1004, `${world.assigned.length} times a task was assigned`);
});

Deno.test("a client with few tasks of a kind that only one engine may run has its share there", () => {
  const world = new World({ engines: 2, hwm: 1, lasts: () => 5 });
  world.submit(1, 10_000);
  world.submit(2, 200, { targets: [0] });
  world.submit(3, 10_000, { targets: [0], priority: 1000 });
  world.pass(1500);
  const [, second = 0, third = 0] = [1, 2, 3].map((client) => world.engineMs.get(client) ?? 0);
  // Half of one engine each: client 1 has the other one.
  assert.ok(second >= 650 && third >= 650, `${second}, ${third}`);
});

Deno.test("an engine that fails everything at once keeps nobody from the others, however many tasks it has failed", () => {
  const world = new World({
    engines: 2,
    lasts: (_, engine) => engine === 0 ? 0.02 : 1,
    fails: (_, engine) => engine === 0,
  });
  world.submit(1, 20_000, { retries: 1 });
  world.pass(1000);
  const n = world.submit(2, 1, { retries: 5 });
  const before = world.ended.length;
  world.run(() => !world.ended.some(({ client, n: ended }) => client === 2 && ended === n));
  assert.equal(world.ended.at(-1)?.how, "ok");
  assert.ok(world.ended.length - before <= 30, `${world.ended.length - before} tasks ended before it`);
  world.run();
  assert.equal(world.ended.length, 20_001);
  assert.ok(world.ended.every(({ how }) => how === "ok"));
});
