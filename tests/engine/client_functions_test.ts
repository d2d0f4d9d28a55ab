import assert from "node:assert/strict";
import { ClientFunctions } from "../../src/engine/client_functions.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("functions of a host: equal bodies are kept once, whoever sent them", () => {
  const functions = new ClientFunctions(() => []);
  functions.set(1, 1, bytesOf("a"), 0, []);
  functions.set(1, 2, bytesOf("b"), 0, []);
  functions.set(2, 7, bytesOf("a"), 0, []);
  functions.set(2, 8, bytesOf("a"), 0, []);
  assert.equal(functions.size, 2);
  assert.equal(functions.numberOf(1, 1), functions.numberOf(2, 7));
  assert.equal(functions.numberOf(1, 1), functions.numberOf(2, 8));
  assert.notEqual(functions.numberOf(1, 1), functions.numberOf(1, 2));
  assert.equal(functions.numberOf(3, 1), 0);
  functions.set(2, 7, bytesOf("c"), 0, []);
  assert.notEqual(functions.numberOf(1, 1), functions.numberOf(2, 7));
  assert.deepEqual(functions.get(functions.numberOf(1, 1))?.body, bytesOf("a"));
});

Deno.test("functions of a host: what no id names gives its number back, unless a task has it", () => {
  let inUse: number[] = [];
  const functions = new ClientFunctions(() => inUse);
  functions.set(1, 1, bytesOf("needed"), 0, []);
  const needed = functions.numberOf(1, 1);
  inUse = [needed];
  for (let i = 0; i < 20_000; i++) {
    functions.set(1, 1, bytesOf(`f${i}`), 0, []);
    assert.notEqual(functions.numberOf(1, 1), needed);
    assert.deepEqual(functions.get(functions.numberOf(1, 1))?.body, bytesOf(`f${i}`));
  }
  assert.deepEqual(functions.get(needed)?.body, bytesOf("needed"));
  assert(functions.size < 600, `${functions.size} functions are kept`);
  assert(functions.numberOf(1, 1) < 600);
});
