/** Large buffers of answers to peers. */
import assert from "node:assert/strict";
import { ResultPieces } from "../../src/engine/result_pieces.ts";

Deno.test("pieces become the buffers of their task, and those of an unwanted answer are forgotten", () => {
  const pieces = new ResultPieces();
  pieces.add(7, 0, 3, 0, new Uint8Array([1, 2]));
  assert.deepEqual(pieces.take(8), []);
  pieces.add(8, 0, 3, 0, new Uint8Array([3, 4]));
  pieces.add(8, 0, 3, 2, new Uint8Array([5]));
  pieces.add(8, 1, 1, 0, new Uint8Array([6]));
  assert.deepEqual(pieces.take(8), [new Uint8Array([3, 4, 5]), new Uint8Array([6])]);
  assert.deepEqual(pieces.take(8), []);
  assert.deepEqual(pieces.take(7), []);
});
