import assert from "node:assert/strict";
import { Flushes } from "../../src/hub/flushes.ts";

Deno.test("Flushes: who asks goes on when the schedulers have answered this very question", async () => {
  const flushes = new Flushes(), asked: number[] = [], gone: string[] = [];
  flushes.begin();
  const first = flushes.ask((number) => asked.push(number)).then(() => gone.push("first"));
  const second = flushes.ask((number) => asked.push(number)).then(() => gone.push("second"));
  flushes.done(asked[1]!);
  await second;
  assert.deepEqual(gone, ["second"]);
  flushes.done(asked[1]!);
  flushes.done(NaN);
  flushes.done(asked[0]!);
  await first;
  assert.deepEqual(gone, ["second", "first"]);
});

Deno.test("Flushes: nobody waits for schedulers that are not there, or are gone", async () => {
  const flushes = new Flushes();
  await flushes.ask(() => assert.fail("there is nobody to ask"));
  flushes.begin();
  const asked = flushes.ask(() => {});
  flushes.end();
  await asked;
  await flushes.ask(() => assert.fail("they are gone"));
});

Deno.test("Flushes: who gets no answer goes on after a while", async () => {
  const flushes = new Flushes();
  flushes.begin();
  await flushes.ask(() => {});
});
