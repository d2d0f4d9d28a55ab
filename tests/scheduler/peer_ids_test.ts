import assert from "node:assert/strict";
import { taskKey } from "../../src/scheduler/dependencies.ts";
import { MAX_N } from "../../src/scheduler/history.ts";
import { PeerIds } from "../../src/scheduler/peer_ids.ts";

const nothingOpen = { isOpen: () => false };

Deno.test("an id of any text has a number of its own, the same whenever it is asked for", () => {
  const ids = new PeerIds(nothingOpen);
  const texts = [
    "3591271e-68f7857ef448b53ea7e8ae18_24677_0",
    "3591271e-68f7857ef448b53ea7e8ae18_24677_1",
    "3591271e-68f7857ef448b53ea7e8ae18_24678_1",
    "c5f1a0e2-7a0c-4f0e-8f39-1b6f0f4a2c11",
    "_1",
    "x_",
    "x_01",
    "x_1",
    "1",
    "ünïcode_7",
    "a b\n_5",
    `x_${MAX_N - 1}`,
    `x_${MAX_N}`,
    "x_999999999",
    "x_4294967296",
    "x_99999999999999999999",
    "x".repeat(10_000),
  ];
  const keys = texts.map((text) => ids.number(text));
  assert.equal(new Set(keys.map(({ client, n }) => `${client}.${n}`)).size, texts.length);
  assert(keys.every(({ n }) => n >= 1 && n <= MAX_N));
  assert.deepEqual(texts.map((text) => ids.number(text)), keys);
  assert.deepEqual(texts.map((text) => ids.find(text)), keys);
  assert.equal(ids.find("never seen"), undefined);
  assert.equal(ids.resolve("y_1"), undefined);
});

Deno.test("beyond the bound the oldest texts are forgotten, none that is open, and no number comes again", () => {
  const open = new Set<number>();
  const ids = new PeerIds({ isOpen: (_client, n) => open.has(n), maxOther: 100 });
  const first = ids.number("the first");
  open.add(first.n);
  const seen = new Set([first.n]);
  for (let i = 0; i < 1000; i++) {
    const { n } = ids.number(`text ${i}`);
    assert(!seen.has(n), `number ${n} came twice`);
    seen.add(n);
  }
  assert.deepEqual(ids.find("the first"), first);
  assert.equal(ids.find("text 5"), undefined);
  assert.notEqual(ids.find("text 999"), undefined);
});

Deno.test("beyond the bound of prefixes an id is a text like any other", () => {
  const ids = new PeerIds({ ...nothingOpen, maxPrefixes: 2 });
  const keys = ["a_1", "b_1", "c_1", "d_1", "a_2"].map((text) => ids.number(text));
  assert.equal(new Set(keys.map(({ client, n }) => `${client}.${n}`)).size, 5);
  assert.equal(keys[2]!.client, keys[3]!.client);
  assert.equal(keys[0]!.client, keys[4]!.client);
});

Deno.test("own() makes a client's messages and its groups one count", () => {
  const ids = new PeerIds({ isOpen: () => false });
  ids.own("s_7", 3);
  assert.deepEqual(ids.number("s_7_12"), { client: 3, n: 12 });
  assert.equal(ids.resolve("s_7_11"), taskKey(3, 11));
  assert.notEqual(ids.number("s_8_12").client, 3);
  ids.number("s_9_1");
  ids.own("s_9", 4);
  assert.notEqual(ids.number("s_9_2").client, 4, "what was named before keeps its name");
});
