/** Clients that do not read their results: who is held when, and who is let go. */
import assert from "node:assert/strict";
import type { ClientEnd } from "../../src/scheduler/client_ends.ts";
import { SCHEDULER_BOUNDS } from "../../src/scheduler/options.ts";
import { newReading, Unread } from "../../src/scheduler/unread.ts";
import type { Socket } from "../../src/wire/socket.ts";

const MB = 1 << 20;
const { unreadBytes, unreadLookMs } = SCHEDULER_BOUNDS;

/** One client that says that it sends marks back, or not. */
function world(confirms: boolean) {
  const marks: number[] = [], held: boolean[] = [], warned: number[] = [];
  const state = { isThere: true };
  const socket = { sendIfThere: () => state.isThere } as unknown as Socket;
  const unread = new Unread({
    socket,
    seal: (_end, _writer, _kind, mark) => {
      marks.push(mark);
      return new Uint8Array(0);
    },
    hold: (_client, isHeld) => held.push(isHeld),
    warn: (_client, bytes) => warned.push(bytes),
  });
  const end: ClientEnd = {
    index: 1,
    rid: new Uint8Array([1]),
    lastSeq: 0,
    seq: 0,
    acceptAt: Infinity,
    answers: null,
    isDirty: false,
    reading: newReading(),
  };
  unread.heard(end, confirms);
  const send = (bytes: number) => {
    for (let left = bytes; left > 0; left -= MB / 4) unread.sent(end, MB / 4, 0);
  };
  return { unread, end, marks, held, warned, state, send };
}

Deno.test("A mark goes behind each MiB; who sends them back is not held", () => {
  const { unread, end, marks, held, send } = world(true);
  for (let i = 0; i < 500; i++) {
    send(MB);
    unread.confirmed(end, marks.at(-1)!);
  }
  assert.equal(marks.length, 500);
  assert.deepEqual(held, []);
});

Deno.test("Who reads nothing is held once, warned of once, and let go when half is read", () => {
  const { unread, end, marks, held, warned, send } = world(true);
  send(unreadBytes + 8 * MB);
  assert.deepEqual([held, warned.length], [[true], 1]);
  unread.confirmed(end, marks[10]!);
  assert.deepEqual(held, [true]);
  unread.confirmed(end, marks[marks.length - 8]!);
  assert.deepEqual(held, [true, false]);
});

Deno.test("A mark that is behind, or ahead of all, says nothing", () => {
  const { unread, end, marks, held, send } = world(true);
  send(unreadBytes + MB);
  unread.confirmed(end, 0xffff_ffff);
  unread.confirmed(end, marks.at(-1)! + 5);
  assert.deepEqual(held, [true]);
  unread.confirmed(end, marks.at(-1)!);
  unread.confirmed(end, marks[0]!);
  send(MB);
  assert.deepEqual(held, [true, false]);
});

Deno.test("Who is held gets a new mark each second: should marks have been lost with a connection, it ends", () => {
  const { unread, end, marks, held, send } = world(true);
  send(unreadBytes + MB);
  const before = marks.length;
  unread.look(unread.nextLook, false);
  assert.equal(marks.length, before + 1);
  unread.confirmed(end, marks.at(-1)!);
  assert.deepEqual(held, [true, false]);
  unread.look(unreadLookMs * 3, false);
  assert.equal(unread.nextLook, Infinity);
});

Deno.test("Who is gone is let go and not held again, until it is heard", () => {
  const { unread, end, held, state, send } = world(true);
  send(unreadBytes + MB);
  state.isThere = false;
  assert.equal(unread.look(unread.nextLook, false), true);
  assert.deepEqual(held, [true, false]);
  send(3 * unreadBytes);
  assert.deepEqual(held, [true, false]);
  state.isThere = true;
  unread.heard(end, true);
  send(MB);
  assert.deepEqual(held, [true, false, true]);
});

Deno.test("Nobody is held where what waits fills the memory, nor who sends no marks back", () => {
  const { unread, held, send } = world(true);
  send(unreadBytes + MB);
  unread.look(0, true);
  assert.deepEqual(held, [true, false]);
  const silent = world(false);
  silent.send(2 * unreadBytes);
  assert.deepEqual([silent.held, silent.marks], [[], []]);
});
