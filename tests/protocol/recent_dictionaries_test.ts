import assert from "node:assert/strict";
import { RecentDictionaries } from "../../src/protocol/recent_dictionaries.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("RecentDictionaries finds what was kept by its very bytes and kind, a few at a time", () => {
  const recent = new RecentDictionaries<number>();
  for (let i = 0; i < 6; i++) recent.keep("content", bytes(`{"a": ${i}}`), i);
  const found = Array.from({ length: 6 }, (_, i) => recent.find("content", bytes(`{"a": ${i}}`)));
  assert.deepEqual(found, [undefined, undefined, 2, 3, 4, 5]);
  assert.equal(recent.find("metadata", bytes(`{"a": 5}`)), undefined);
  assert.equal(recent.find("content", bytes(`{"a": 5`)), undefined);
  assert.equal(recent.find("content", bytes(`{"a": 5} `)), undefined);
});

Deno.test("RecentDictionaries keeps bytes of its own, and nothing long", () => {
  const recent = new RecentDictionaries<number>(), given = bytes(`{"a": 1}`);
  recent.keep("content", given, 1);
  given.fill(0);
  assert.equal(recent.find("content", given), undefined);
  assert.equal(recent.find("content", bytes(`{"a": 1}`)), 1);
  recent.keep("content", bytes("x".repeat(1025)), 2);
  assert.equal(recent.find("content", bytes("x".repeat(1025))), undefined);
});
