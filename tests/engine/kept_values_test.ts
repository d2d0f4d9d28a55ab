/** Values that an engine process keeps: asked for once, bounded, and not waited for without end. */
import assert from "node:assert/strict";
import { KeptValues, readValues } from "../../src/engine/kept_values.ts";
import type { Piece } from "../../src/engine/piece_store.ts";

const name = (letter: string) => letter.repeat(32);

function pieces(sizes: readonly number[], most = 100): Piece[] {
  return sizes.flatMap((total, index) =>
    Array.from({ length: Math.ceil(total / most) }, (_, i) => {
      const bytes = new Uint8Array(Math.min(most, total - i * most)).fill(index + 1);
      return { index, total, offset: i * most, bytes };
    })
  );
}

function world(maxBytes?: number) {
  const store = new KeptValues(maxBytes), asked: string[] = [];
  const ask = (names: readonly string[]) => asked.push(...names) > 0;
  return {
    store,
    asked,
    isReady: (letters: string, at: number) =>
      store.areReady([...letters].map((letter) => ({ name: name(letter), buffers: 2 })), at, ask),
    take(letter: string, sizes: readonly number[] = [10, 250]): void {
      for (const piece of pieces(sizes)) store.add(name(letter), sizes.length, piece, 0);
    },
  };
}

Deno.test("a value is asked for once however many tasks and engines want it, and again when it does not come", () => {
  const { isReady, asked, take, store } = world();
  assert.equal(isReady("ab", 0), false);
  assert.equal(isReady("a", 1), false);
  assert.deepEqual(asked, [name("a"), name("b")]);
  take("a");
  assert.equal(isReady("a", 2), true);
  assert.equal(isReady("ab", 1999), false);
  assert.equal(asked.length, 2);
  assert.equal(isReady("ab", 2000), false);
  assert.deepEqual(asked.slice(2), [name("b")]);
  take("b");
  assert.equal(isReady("ab", 2001), true);
  const list = store.piecesOf([{ name: name("a"), buffers: 2 }, { name: name("b"), buffers: 2 }], 3);
  assert.deepEqual(list.map(({ index, offset }) => [index, offset]), [
    [3, 0],
    [4, 0],
    [4, 100],
    [4, 200],
    [5, 0],
    [6, 0],
    [6, 100],
    [6, 200],
  ]);
});

Deno.test("what nobody has, or does not come, is not waited for; later it is asked for again", () => {
  const { isReady, asked, store } = world();
  isReady("a", 0);
  store.gone(name("a"), 5);
  assert.equal(isReady("a", 6), true);
  assert.deepEqual(store.piecesOf([{ name: name("a"), buffers: 2 }], 0), []);
  assert.equal(isReady("a", 2000), false);
  assert.equal(asked.length, 2);
  assert.equal(isReady("a", 31_999), false);
  assert.equal(isReady("a", 32_000), true);
});

Deno.test("the one used longest ago goes when there is no room, and one that is too large stands alone", () => {
  const { isReady, take, store } = world(600);
  for (const letter of "ab") take(letter);
  assert.equal(store.bytes, 520);
  store.piecesOf([{ name: name("a"), buffers: 2 }], 0);
  take("c");
  assert.deepEqual(["a", "b", "c"].map((letter) => isReady(letter, 0)), [true, false, true]);
  take("d", [10, 5000]);
  assert.deepEqual(["a", "c", "d"].map((letter) => isReady(letter, 0)), [false, false, true]);
  assert.equal(store.bytes, 5010);
  store.drop(name("d"));
  assert.equal(store.bytes, 0);
});

Deno.test("pieces out of order, and another run of the controller, leave nothing", () => {
  const { isReady, store } = world();
  const [first, second, third] = pieces([10, 250]);
  store.add(name("a"), 2, second!, 0);
  store.add(name("a"), 2, first!, 0);
  store.add(name("a"), 2, third!, 0);
  assert.equal(isReady("a", 0), false);
  assert.equal(store.bytes, 0);
  store.begin(1n);
  for (const piece of pieces([10, 250])) store.add(name("a"), 2, piece, 0);
  store.begin(1n);
  assert.equal(isReady("a", 0), true);
  store.begin(2n);
  assert.equal(isReady("a", 0), false);
});

Deno.test("names that are none are refused", () => {
  assert.equal(readValues({}), undefined);
  assert.deepEqual(readValues({ values: [[name("a"), 2]] }), [{ name: name("a"), buffers: 2 }]);
  for (
    const values of [
      1,
      [1],
      [["x", 1]],
      [[name("a")]],
      [[name("a"), 0]],
      [[name("A"), 1]],
      Array(1001).fill([name("a"), 1]),
    ]
  ) {
    assert.throws(() => readValues({ values }), /Cannot read "values"/);
  }
});

Deno.test("one that comes slowly is not asked for again", () => {
  const { isReady, asked, store } = world();
  isReady("a", 0);
  pieces([10, 250]).forEach((piece, i) => {
    assert.equal(isReady("a", 20_000 * i + 1999), false);
    store.add(name("a"), 2, piece, 20_000 * (i + 1));
  });
  assert.equal(isReady("a", 90_000), true);
  assert.equal(asked.length, 1);
  assert.equal(store.piecesOf([{ name: name("a"), buffers: 2 }], 0).length, 4);
});
