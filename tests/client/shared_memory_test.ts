/** The bound over all memory that a client shares with engines. */
import assert from "node:assert/strict";
import { SharedBudget, SharedMemoryWay } from "../../src/client/shared_memory.ts";
import type { MemoryFile, Transport } from "../../src/client/transport.ts";
import { STATUS } from "../../src/protocol/groups.ts";

/** Memory without bytes, whose time passes when `idle` says so. */
function withoutBytes(): { transport: Transport; idle: () => void } {
  let later: (() => void)[] = [];
  const file: MemoryFile = {
    pid: 1,
    fd: 1,
    write: () => true,
    read: () => true,
    punch: () => {},
    later: (_ms, action) => {
      later.push(action);
      return () => later = later.filter((other) => other !== action);
    },
    close: () => {},
  };
  const connect = () => {
    throw new Error("Nothing is sent here");
  };
  return {
    transport: { memory: () => file, connect, close: async () => {} },
    idle: () => later.splice(0).forEach((action) => action()),
  };
}

Deno.test("a client's ways share one bound: beyond it pieces go by socket, until pages are given back", () => {
  const { transport, idle } = withoutBytes();
  const budget = new SharedBudget(), piece = new Uint8Array(1);
  const ways = [0, 1, 2, 3, 4].map(() => new SharedMemoryWay(transport, budget));
  const [first, second, , , last] = ways as [
    SharedMemoryWay,
    SharedMemoryWay,
    SharedMemoryWay,
    SharedMemoryWay,
    SharedMemoryWay,
  ];
  const task = { n: 1, status: STATUS.ok };
  const fill = (way: SharedMemoryWay) => {
    const offer = way.offer();
    if (offer !== undefined) way.taken(offer.tag);
    let count = 0;
    while (way.put(task.n, piece) >= 0) count++;
    return count;
  };
  assert.deepEqual(ways.map(fill), [128, 128, 128, 128, 0]);
  assert.equal(last.tag, 0, "no more is offered");
  first.forget();
  assert.equal(fill(last), 128);
  assert.equal(fill(first), 0);
  second.finished(task, true);
  assert.equal(fill(first), 0, "its pages are still there");
  idle();
  assert.equal(fill(first), 128);
});
