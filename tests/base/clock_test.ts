/** The door to time. */
import assert from "node:assert/strict";
import { monotonic, now } from "../../src/base/clock.ts";

Deno.test("now() is the wall clock's time in milliseconds", () => {
  assert.ok(Math.abs(now() - Date.now()) < 1000);
});

Deno.test("now() has a fraction", () => {
  assert.ok(Array.from({ length: 20 }, now).some((time) => time % 1 !== 0));
});

Deno.test("monotonic() never goes back", () => {
  let last = monotonic();
  for (let i = 0; i < 1000; i++) {
    const time = monotonic();
    assert.ok(time >= last);
    last = time;
  }
});
