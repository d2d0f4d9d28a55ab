import assert from "node:assert/strict";
import fc from "fast-check";
import { CONTROL, ENTRY_WORDS, REQUEST, RESULT, RESULT_KIND, ringLayout } from "../../src/engine/ring.ts";
import { WorkerRing } from "../../src/engine/ring_worker.ts";
import { Nonsense, type RingSink } from "../../src/engine/slot_checks.ts";
import { Slot } from "../../src/engine/slot.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { HostRing } from "../../src/engine/slot_ring.ts";
import { OP } from "../../src/protocol/groups.ts";
import { SETTINGS, SlotHost } from "../contracts/slot_host.ts";

const layout = ringLayout(16, 1 << 20, 1 << 20);
const LIMIT = 4 << 20;

class Sink implements RingSink {
  readonly heard: string[] = [];
  ready(): void {
    this.heard.push("ready");
  }
  started(ticket: number): void {
    this.heard.push(`started ${ticket}`);
  }
  chunk(ticket: number, index: number, _total: number, offset: number): void {
    this.heard.push(`chunk ${ticket} ${index} ${offset}`);
  }
  event(ticket: number): void {
    this.heard.push(`event ${ticket}`);
  }
  text(): void {}
  tooLarge(ticket: number, bytes: number): void {
    this.heard.push(`too_large ${ticket} ${bytes}`);
  }
  result(
    ticket: number,
    status: string,
    _body: Uint8Array,
    _buffers: number,
    from: number,
    to: number,
  ): void {
    assert.ok(from <= to && to <= performance.timeOrigin + performance.now());
    this.heard.push(`${status} ${ticket}`);
  }
}

/** Both ends over one memory, in one thread: what the Worker would do is written out. */
function pair() {
  const memory = new ArrayBuffer(layout.total);
  const host = new HostRing(memory, layout, LIMIT);
  const counts = { stdout: { written: 0 }, stderr: { written: 0 } };
  const bell = { ring: () => {}, wait: () => assert.fail("The Worker waits for room") };
  const worker = new WorkerRing(memory, layout, bell, counts);
  const sink = new Sink();
  const offer = (ticket: number) =>
    host.offer({ ticket, op: OP.apply, definition: 1, buffers: 0, body: new Uint8Array(8) });
  const look = () => host.collect(sink, performance.timeOrigin + performance.now());
  const ready = () => worker.publish(RESULT_KIND.ready, 0, new TextEncoder().encode("{}"), 0, 0);
  const answer = () => {
    assert.ok(worker.start(0));
    worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), NaN, Infinity);
    worker.done();
  };
  return { memory, host, worker, sink, offer, look, ready, answer, words: new Int32Array(memory) };
}

Deno.test("HostRing hears of tasks in order, each started before it is answered", () => {
  const { sink, offer, look, ready, answer, worker } = pair();
  ready();
  [5, 6, 4_294_967_295].forEach(offer);
  answer();
  answer();
  assert.ok(worker.start(Infinity));
  look();
  assert.deepEqual(sink.heard, ["ready", "started 5", "ok 5", "started 6", "ok 6", "started 4294967295"]);
});

Deno.test("HostRing goes round and round, and its running numbers too", () => {
  const { host, sink, offer, look, ready, answer } = pair();
  ready();
  for (let i = 0; i < 1000; i++) {
    assert.ok(offer(i));
    answer();
    look();
  }
  assert.equal(sink.heard.length, 2001);
  assert.equal(host.open, 0);
});

Deno.test("HostRing withdraws what has not started, and only that", () => {
  const { host, offer, look, ready, worker, sink } = pair();
  ready();
  [1, 2].forEach(offer);
  assert.ok(worker.start(0));
  assert.equal(host.withdraw(1), false);
  assert.equal(host.withdraw(2), true);
  assert.equal(host.withdraw(2), false);
  worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), 0, 0);
  worker.done();
  assert.equal(worker.start(0), false);
  worker.done();
  look();
  assert.deepEqual(sink.heard, ["ready", "started 1", "ok 1"]);
  assert.deepEqual([host.open, host.isBehind], [0, false]);
});

Deno.test("HostRing names what is unfinished and whether it may have run", () => {
  const { host, offer, look, ready, worker, answer } = pair();
  ready();
  [1, 2, 3].forEach(offer);
  answer();
  worker.start(0);
  look();
  assert.deepEqual(host.unfinished(), [{ ticket: 2, started: true }, { ticket: 3, started: false }]);
});

const result = layout.results / 4;
const FORGERIES: Readonly<Record<string, (p: ReturnType<typeof pair>) => void>> = {
  "a tail beyond the head": ({ words }) => words[CONTROL.requestTail] = 3,
  "a tail that goes back": ({ words }) => words[CONTROL.requestTail] = -1,
  "a task passed over": ({ words }) => words[CONTROL.requestTail] = 1,
  "more results than there is room for": ({ words }) => words[CONTROL.resultHead] = 1000,
  "fewer results than before": ({ words }) => words[CONTROL.resultHead] = -1,
  "a task in a state that there is not": ({ words }) => words[layout.requests / 4 + REQUEST.state] = 99,
  "an answer to a task that has not started": ({ worker }) =>
    worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), 0, 0),
  "an answer twice": ({ worker }) => {
    worker.start(0);
    worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), 0, 0);
    worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), 0, 0);
  },
  "ready twice": ({ ready }) => ready(),
  "another ticket": (p) => forge(p, RESULT.ticket, 77),
  "another request": (p) => forge(p, RESULT.request, 1),
  "a body out of bounds": (p) => forge(p, RESULT.at, 1 << 20),
  "a body of negative length": (p) => forge(p, RESULT.length, -8),
  "no body and no buffers": (p) => forge(p, RESULT.length, 0),
  "buffers that never came": (p) => forge(p, RESULT.buffers, 2),
  "a kind that there is not": (p) => forge(p, RESULT.kind, 42),
  "a piece out of order": (p) => {
    p.worker.start(0);
    p.worker.publishBuffer(1, new Uint8Array(9));
  },
  "a piece out of bounds": (p) => {
    p.worker.start(0);
    p.worker.publishBuffer(0, new Uint8Array(9));
    p.words[result + ENTRY_WORDS + RESULT.at] = 2 << 20;
  },
  "a piece before the bounds": (p) => {
    p.worker.start(0);
    p.worker.publishBuffer(0, new Uint8Array(9));
    p.words[result + ENTRY_WORDS + RESULT.at] = -8;
  },
  "a piece that is longer than its buffer": (p) => {
    p.worker.start(0);
    p.worker.publishBuffer(0, new Uint8Array(9));
    p.words[result + ENTRY_WORDS + RESULT.length] = 1 << 16;
  },
  "more than the limit": (p) => {
    p.worker.start(0);
    p.worker.publishBuffer(0, new Uint8Array(9));
    new Float64Array(p.memory)[(result + ENTRY_WORDS + RESULT.total) / 2] = 1e9;
  },
};

function forge({ worker, words }: ReturnType<typeof pair>, word: number, value: number): void {
  worker.start(0);
  worker.publish(RESULT_KIND.ok, 0, new Uint8Array(3), 0, 0);
  words[result + ENTRY_WORDS + word] = value;
}

for (const [what, write] of Object.entries(FORGERIES)) {
  Deno.test(`HostRing refuses ${what}`, () => {
    const p = pair();
    p.ready();
    [1, 2].forEach(p.offer);
    p.look();
    write(p);
    assert.throws(p.look, Nonsense);
  });
}

Deno.test("HostRing: garbage anywhere ends in nonsense or is taken for one answer per task, nothing else", () => {
  const place = fc.oneof(
    fc.constantFrom(CONTROL.requestTail, CONTROL.resultHead, layout.requests / 4 + REQUEST.state),
    fc.integer({ min: 0, max: ENTRY_WORDS * 4 }).map((word) => layout.requests / 4 + word),
    fc.integer({ min: 0, max: ENTRY_WORDS * 8 }).map((word) => result + word),
  );
  const value = fc.oneof(fc.integer({ min: -2, max: 20 }), fc.integer());
  fc.assert(
    fc.property(fc.array(fc.tuple(place, value), { maxLength: 12 }), fc.nat(3), (writes, answers) => {
      const p = pair();
      p.ready();
      [1, 2, 3, 4].forEach(p.offer);
      for (let i = 0; i < answers; i++) p.answer();
      for (const [at, word] of writes) p.words[at] = word;
      try {
        p.look();
        p.look();
      } catch (error) {
        assert.ok(error instanceof Nonsense, String(error));
      }
      const answered = p.sink.heard.filter((line) => /^(ok|error|too_large)/.test(line)).map((line) =>
        line.split(" ")[1]
      );
      assert.equal(new Set(answered).size, answered.length);
      assert.ok(p.host.unfinished().length + answered.length === 4);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a child that writes garbage into its ring ends, and a slot beside it does not notice", () => {
  const forger = new URL("./slot_forger.ts", import.meta.url).pathname;
  using honest = new SlotHost(Slot.start(SETTINGS, childCommand())).untilReady();
  using forged = new SlotHost(Slot.start(SETTINGS, [Deno.execPath(), "run", "-A", "--no-check", forger]));
  const end = forged.untilEnded();
  assert.equal(end.reason, "protocol");
  assert.equal(end.signal, 9);
  assert.equal(honest.call((x: number) => x + 1, 1), 2);
});
