import assert from "node:assert/strict";
import { World } from "./core_world.ts";

Deno.test("an idle engine gets what stands behind a long task, also while others wait for dependencies", () => {
  const world = new World({ engines: 2, lasts: ({ n }) => n === 1 ? 10_000 : 1 });
  const long = world.submit(1, 1), began = world.now;
  // One of these goes behind the long one: nothing is known of its engine.
  world.submit(1, 3);
  world.submit(1, 5, { after: [long] });
  world.run(() => world.ended.length < 3 && world.now < began + 5000);
  assert.deepEqual(world.ended.map(({ n }) => n).sort(), [2, 3, 4]);
  assert.ok(world.recalls > 0);
  world.run();
  assert.equal(world.ended.length, 9);
});

Deno.test("what may go nowhere else is not asked for", () => {
  const world = new World({ engines: 2, lasts: () => 100 });
  world.submit(1, 2, { targets: [0] });
  world.run();
  assert.equal(world.ended.length, 2);
  assert.equal(world.recalls, 0);
});

for (const hwm of [1, 2, 5]) {
  Deno.test(`with hwm ${hwm} no engine holds more`, () => {
    const world = new World({ engines: 3, hwm, lasts: ({ n }) => n % 7 === 0 ? 50 : 0.01 });
    let most = 0;
    world.submit(1, 500);
    world.run(() => {
      for (const { load } of world.core.engines.all()) most = Math.max(most, load);
      return true;
    });
    assert.equal(world.ended.length, 500);
    assert.equal(most, hwm);
  });
}

Deno.test("a chain of 100,000 behind a task that fails ends at once, one after the other", () => {
  const world = new World({ engines: 1, lasts: () => 1, fails: ({ n }) => n === 1 });
  let last = world.submit(1, 1);
  for (let i = 0; i < 100_000; i++) last = world.submit(1, 1, { after: [last] });
  world.run();
  assert.equal(world.ended.length, 100_001);
  assert.ok(world.ended.slice(1).every(({ how }) => how === "ImpossibleDependency"));
  assert.equal(world.core.table.open, 0);
});

Deno.test("a task that waits for itself, or for one that does not exist yet, is refused: there are no cycles", () => {
  const world = new World({ engines: 1, lasts: () => 1 });
  world.submit(1, 1, { after: [1] });
  world.submit(1, 1, { after: [3] });
  world.submit(1, 1, { after: [2] });
  assert.deepEqual(world.ended.map(({ how }) => how), [
    "InvalidDependency",
    "InvalidDependency",
    "ImpossibleDependency",
  ]);
});

Deno.test("a user's hwm is the most that an engine holds, also of short tasks of several clients", () => {
  const world = new World({ engines: 2, hwm: 20, lasts: () => 0.01 });
  let most = 0;
  for (let round = 0; round < 20; round++) for (const client of [1, 2]) world.submit(client, 100);
  world.run(() => {
    for (const { load } of world.core.engines.all()) most = Math.max(most, load);
    return true;
  });
  assert.equal(world.ended.length, 4000);
  assert.ok(most <= 20, `${most}`);
});
