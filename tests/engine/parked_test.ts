/** Groups that wait for shared pieces: each client's in order, not for ever, and not any number. */
import assert from "node:assert/strict";
import { Parked, type ParkedGroup } from "../../src/engine/parked.ts";
import { KIND } from "../../src/protocol/groups.ts";

function group(origin: number, seq: number, bytes = 100): ParkedGroup {
  const header = {
    kind: KIND.tasks,
    count: 1,
    origin,
    seq,
    target: 0,
    nonce: 0n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  return { header, idents: [], bytes: new Uint8Array(bytes) };
}

const seqs = (groups: Iterable<ParkedGroup>) => [...groups].map(({ header }) => header.seq);

Deno.test("what is whole goes on, behind it what its client has sent since, and nobody waits for another client", () => {
  const parked = new Parked();
  for (const [client, seq] of [[1, 1], [2, 2], [1, 3], [2, 4]] as const) parked.add(group(client, seq), 0);
  assert.deepEqual([parked.has(1), parked.has(3), parked.isEmpty], [true, false, false]);
  assert.deepEqual(seqs(parked.ready(({ header }) => header.seq >= 2, 1)), [2, 4]);
  assert.deepEqual([parked.has(1), parked.has(2)], [true, false]);
  assert.deepEqual(seqs(parked.ready(() => true, 1)), [1, 3]);
  assert.ok(parked.isEmpty);
});

Deno.test("what is never whole is taken all the same, after a while or when there is too much", () => {
  const parked = new Parked();
  parked.add(group(1, 1), 0);
  parked.add(group(1, 2), 5000);
  assert.deepEqual(seqs(parked.ready(() => false, 9999)), []);
  assert.deepEqual(seqs(parked.ready(() => false, 10_000)), [1]);
  assert.deepEqual(seqs(parked.ready(() => false, 15_000)), [2]);
  for (let seq = 1; seq <= 9; seq++) parked.add(group(1, seq, 8 << 20), 0);
  assert.ok(parked.isFull);
  assert.deepEqual(seqs(parked.ready(() => false, 1)), [1]);
  assert.ok(!parked.isFull && !parked.isEmpty);
});

Deno.test("what is cancelled meanwhile is told once it can be, and forgotten with the last that waits", () => {
  const parked = new Parked(), name = { client: 1, n: 5, waitingOnly: false };
  parked.cancelled([name]);
  assert.deepEqual(parked.takeCancelled(), [], "nothing waits that it could mean");
  parked.add(group(1, 1), 0);
  parked.add(group(2, 2), 0);
  parked.cancelled([name]);
  assert.deepEqual(seqs(parked.ready(({ header }) => header.origin === 2, 1)), [2]);
  assert.deepEqual(parked.takeCancelled(), [name]);
  assert.deepEqual(seqs(parked.ready(() => true, 1)), [1]);
  assert.deepEqual(parked.takeCancelled(), [name]);
  assert.deepEqual(parked.takeCancelled(), []);
});
