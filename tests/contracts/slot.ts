/**
 * What every slot must keep, whichever command starts its child: each task of a group exactly once or reported "may have run",
 * whatever happens to the child, and nothing of the child's reaches further than its own slot.
 */
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import type { SlotSettings } from "../../src/engine/slot_contract.ts";
import { kill, SIGNAL } from "../../src/native/libc.ts";
import { OP } from "../../src/protocol/groups.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";

export interface SlotSuiteOptions {
  /** Begins each test's name. */
  readonly name: string;
  readonly command: () => string[];
  readonly ignore?: boolean;
  /** In a compiled program Deno's permissions do not hold for the loading of modules: only the kernel's wall does. */
  readonly isCompiled?: boolean;
}

type Case = readonly [name: string, run: (start: (settings?: Partial<SlotSettings>) => SlotHost) => void];

/** Registers the suite's tests. */
export function slotSuite(options: SlotSuiteOptions): void {
  const start = (settings: Partial<SlotSettings> = {}) =>
    new SlotHost(Slot.start({ ...SETTINGS, ...settings }, options.command()));
  for (const [name, run] of [...WORK, ...TROUBLE, ...ENDS]) {
    Deno.test({ name: `${options.name}: ${name}`, ignore: options.ignore ?? false, fn: () => run(start) });
  }
}

const GROUP = 50;

const WORK: readonly Case[] = [
  ["values go through, large ones too", (start) => {
    using host = start().untilReady();
    const echo = host.define((...args: unknown[]) => args);
    const small = [1, "two", null, { three: [3, new Map([[4, new Date(5)]])] }];
    assert.deepEqual(host.value(host.offerCall(echo, ...small)), small);
    const text = "long text ".repeat(100_000);
    assert.deepEqual(host.value(host.offerCall(echo, text)), [text]);
    const numbers = Float64Array.from({ length: 1_000_000 }, (_, i) => i);
    const [back] = host.value(host.offerCall(echo, numbers)) as [Float64Array];
    assert.deepEqual([back.length, back[999_999]], [1_000_000, 999_999]);
    const length = host.define((bytes: Uint8Array) => bytes.length);
    assert.equal(host.value(host.offerCall(length, new Uint8Array(40 << 20))), 40 << 20);
  }],
  ["functions: captures, their own name, other functions, async, errors", (start) => {
    using host = start().untilReady();
    const twice = { kind: "function", source: "(x) => 2 * x", captures: {}, name: "twice" };
    const source = "async (x) => x < 1 ? base : twice(await down(x - 1))";
    const text = { kind: "function", source, captures: { base: 1 }, functions: { twice }, name: "down" };
    assert.equal(host.value(host.offerCall(host.defineText(text), 10)), 1024);
    const fails = host.define(() => {
      throw new RangeError("too far", { cause: 7 });
    });
    const error = host.error(host.offerCall(fails));
    assert.deepEqual([error.ename, error.evalue], ["RangeError", "too far"]);
    assert.ok(error.error instanceof RangeError);
    assert.equal(host.error(host.offerCall(99)).ename, "ReferenceError");
    assert.throws(() => host.call(() => () => 1), /UncodableValue: Cannot send result/);
    assert.throws(
      () => host.value(host.offerCall(host.defineText({ kind: "function", source: "(" }))),
      /SyntaxError/,
    );
  }],
  ["times are the task's own and never go back", (start) => {
    using host = start().untilReady();
    const sleep = host.define((ms: number) => new Promise((done) => setTimeout(done, ms)));
    const tickets = [30, 0, 10].map((ms) => host.offerCall(sleep, ms));
    host.answer(tickets[2]!);
    const times = tickets.flatMap((ticket) => {
      const { startedAt, finishedAt } = host.answers.get(ticket)!;
      return [startedAt, finishedAt];
    });
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    assert.ok(times[1]! - times[0]! >= 25, `30 ms took ${times[1]! - times[0]!}`);
  }],
  ["text is given to the task that wrote it, and lives while it runs", (start) => {
    using host = start().untilReady();
    const say = host.define((text: string) => {
      console.log(text);
      console.error(`${text}!`);
      Deno.stdout.writeSync(new TextEncoder().encode("\0raw\n"));
    });
    const tickets = Array.from(
      { length: 40 },
      (_, i) => host.offerCall(say, `task ${i} ${"x".repeat(i * 9)}`),
    );
    host.answer(tickets.at(-1)!);
    tickets.forEach((ticket, i) => {
      const text = `task ${i} ${"x".repeat(i * 9)}`;
      assert.equal(host.stdout(ticket), `${text}\nraw\n`);
      assert.equal(host.stderr(ticket), `${text}!\n`);
    });
    const waiting = host.offerCall(host.define(() => {
      console.log("now");
      return new Promise(() => {});
    }));
    host.slot.ring();
    host.until(() => host.stdout(waiting) === "now\n", "live text");
  }],
  ["a flood of text costs the host nothing but reading", (start) => {
    using host = start().untilReady();
    host.keepsText = false;
    const flood = host.define(() => {
      for (let i = 0; i < 5000; i++) console.log("y".repeat(1000));
    });
    host.value(host.offerCall(flood));
    assert.equal(host.outputBytes, 5000 * 1001);
  }],
  ["a full ring refuses, and takes more when it has been emptied", (start) => {
    using host = start({ entries: 16 }).untilReady();
    const increment = host.define((x: number) => x + 1);
    const offer = { op: OP.apply, definition: increment, buffers: 0, body: new Uint8Array(600_000) };
    assert.equal(host.slot.offer({ ...offer, ticket: 9001, body: new Uint8Array(500_000) }), true);
    assert.equal(host.slot.offer({ ...offer, ticket: 9002, body: new Uint8Array(500_000) }), true);
    assert.equal(host.slot.offer({ ...offer, ticket: 9003, body: new Uint8Array(500_000) }), false);
    assert.throws(() => host.slot.offer({ ...offer, ticket: 9004 }), RangeError);
    assert.equal(host.error(9001).ename, "RangeError");
    const tickets = Array.from({ length: 300 }, (_, i) => host.offerCall(increment, i));
    assert.deepEqual(tickets.map((ticket) => host.value(ticket)), tickets.map((_, i) => i + 1));
    assert.equal(host.slot.open, 0);
  }],
  ["withdrawing races with starting, and neither is ever wrong", (start) => {
    using host = start().untilReady();
    const log = host.define((x: number) => x);
    let withdrawn = 0, ran = 0;
    for (let round = 0; round < 3000; round++) {
      const tickets = Array.from({ length: 20 }, (_, i) => host.offerCall(log, round * 20 + i));
      host.slot.ring();
      for (let spin = 0; spin < round * 37 % 3000; spin++) Math.sqrt(spin);
      const taken = new Set(tickets.toReversed().filter((ticket) => host.slot.withdraw(ticket)));
      host.until(() => host.slot.open === 0, "the round's end");
      for (const [i, ticket] of tickets.entries()) {
        const answer = host.answers.get(ticket);
        if (taken.has(ticket)) assert.equal(answer ?? host.startedAt.get(ticket), undefined);
        else assert.equal(answer?.value, round * 20 + i);
        if (taken.has(ticket)) withdrawn++;
        else ran++;
      }
      host.answers.clear();
      host.startedAt.clear();
    }
    assert.ok(withdrawn > 100 && ran > 100, `${withdrawn} withdrawn, ${ran} ran: no race`);
  }],
  ["a withdrawn task's pieces are forgotten", (start) => {
    using host = start().untilReady();
    assert.equal(host.slot.chunk(4_000_000_000, 0, 8 << 20, 0, new Uint8Array(1 << 20)), true);
    assert.equal(host.slot.withdraw(4_000_000_000), true);
    assert.equal(host.slot.withdraw(4_000_000_000), false);
    assert.equal(host.call(() => 1), 1);
  }],
];

const TROUBLE: readonly Case[] = [
  ["a loop is killed, and what was finished before it is kept: at every index of a group", (start) => {
    let next = start();
    for (let index = 0; index < GROUP; index++) {
      using host = next.untilReady();
      if (index < GROUP - 1) next = start();
      const loop = host.define((x: number, stop: number) => {
        Deno.stdout.writeSync(new TextEncoder().encode(`<${x}>`));
        while (x === stop);
        return x;
      });
      const tickets = Array.from({ length: GROUP }, (_, i) => host.offerCall(loop, i, index));
      host.slot.ring();
      host.until(() => host.startedAt.has(tickets[index]!), "the loop");
      host.slot.kill();
      assert.equal(host.untilEnded().reason, "killed by host");
      checkOnce(host, tickets, index);
    }
  }],
  ["killed at any moment, each task was answered, may have run, or has not", (start) => {
    let next = start();
    for (let round = 0; round < 20; round++) {
      using host = next.untilReady();
      if (round < 19) next = start();
      const say = host.define((x: number) => {
        Deno.stdout.writeSync(new TextEncoder().encode(`<${x}>`));
        return x;
      });
      const tickets = Array.from({ length: 400 }, (_, i) => host.offerCall(say, i));
      host.slot.ring();
      while (host.answers.size < round * 3) host.wait(0);
      host.slot.kill();
      host.untilEnded();
      const started = host.unfinished.filter((task) => task.started);
      assert.ok(started.length <= 1, `${started.length} started and not finished`);
      checkOnce(host, tickets, host.answers.size, started.length === 1);
    }
  }],
  ["what a task replaces does not spoil the answers after it", (start) => {
    using host = start().untilReady();
    const echo = host.define((x: unknown) => x);
    host.call(() => {
      const bad = () => {
        throw new Error("spoilt");
      };
      const { defineProperty, prototype: objectPrototype } = Object, { set } = Reflect;
      for (const type of [Array, Uint8Array, Map, Set, Promise, Function, String, Number, TextEncoder]) {
        for (const name of Object.getOwnPropertyNames(type.prototype)) {
          try {
            defineProperty(type.prototype, name, { get: bad, set: bad });
          } catch { /* not all can be replaced */ }
        }
      }
      for (const name of Reflect.ownKeys(globalThis)) {
        try {
          set(globalThis, name, bad);
        } catch { /* not all can be replaced */ }
      }
      defineProperty(objectPrototype, "then", { get: () => undefined, set: bad, configurable: true });
      return 1;
    });
    assert.deepEqual(host.value(host.offerCall(echo, { a: [1, "b", new Uint8Array(3)] })), {
      a: [1, "b", new Uint8Array(3)],
    });
    const text = "x".repeat(400_000);
    assert.equal(host.value(host.offerCall(echo, text)), text);
    assert.equal(
      host.error(host.offerCall(host.defineText({ kind: "function", source: "() => { null.x }" }))).ename,
      "TypeError",
    );
  }],
  ["errors that defend themselves are answered all the same", (start) => {
    using host = start().untilReady();
    const proxies = host.define(() => {
      throw new Proxy(new Error("p"), {
        get: () => {
          throw new Error("no");
        },
      });
    });
    assert.equal(host.answer(host.offerCall(proxies)).status, "error");
    const endless = host.define(() => {
      const deep: unknown[] = [];
      let at = deep;
      for (let i = 0; i < 1e5; i++) at.push(at = []);
      return deep;
    });
    assert.equal(host.error(host.offerCall(endless)).ename, "UncodableValue");
    const thenable = host.define(() => ({
      get then() {
        throw new TypeError("no then");
      },
    }));
    assert.equal(host.error(host.offerCall(thenable)).evalue, "no then");
  }],
  ["late throws, and promises left alone, do not end a later task", (start) => {
    using host = start().untilReady();
    const late = host.define(() => {
      setTimeout(() => {
        throw new Error("late");
      }, 0);
      Promise.reject(new Error("left alone"));
      return 1;
    });
    host.value(host.offerCall(late));
    const later = host.offerCall(host.define(() => new Promise((done) => setTimeout(() => done(2), 30))));
    assert.equal(host.value(later), 2);
    assert.equal(host.slot.state, "ready");
  }],
  ["a task that waits for ever keeps its slot", (start) => {
    using host = start().untilReady();
    const ticket = host.offerCall(host.define(() => new Promise(() => {})));
    host.slot.ring();
    const deadline = performance.now() + 300;
    while (performance.now() < deadline) host.wait(20);
    assert.equal(host.slot.state, "ready");
    assert.ok(host.startedAt.has(ticket));
  }],
  ["a stolen doorbell is rung again", (start) => {
    using host = start().untilReady();
    host.call(() => {
      for (let i = 0; i < 3; i++) Deno.stdin.read(new Uint8Array(4096));
    });
    const echo = host.define((x: unknown) => x);
    for (let i = 0; i < 10; i++) assert.equal(host.value(host.offerCall(echo, i)), i);
  }],
  ["a child that takes no task any more is killed", (start) => {
    using host = start().untilReady();
    host.call(() => {
      setTimeout(() => {
        for (;;);
      }, 0);
    });
    host.wait(20);
    const ticket = host.offerCall(host.define(() => 1));
    host.slot.ring();
    const end = host.untilEnded();
    assert.equal(end.reason, "protocol");
    assert.match(end.detail, /took no task for 10000 ms/);
    assert.deepEqual(host.unfinished, [{ ticket, started: false }]);
  }],
  ["a paused child goes on where it was", (start) => {
    using host = start().untilReady();
    host.slot.pause(true);
    // All of its threads stop, each as soon as it can.
    const threads = () => [...Deno.readDirSync(`/proc/${host.slot.pid}/task`)].map(({ name }) => name);
    const isStopped = (id: string) => /^State:\tT/m.test(Deno.readTextFileSync(`/proc/${id}/status`));
    host.until(() => threads().every(isStopped), "its stop");
    const ticket = host.offerCall(host.define(() => 1));
    host.slot.ring();
    host.wait(30);
    assert.equal(host.answers.has(ticket), false);
    host.slot.pause(false);
    assert.equal(host.value(ticket), 1);
  }],
];

/** Every number below `done` was printed once and answered; that at `done` may be open; nothing else ran. */
function checkOnce(host: SlotHost, tickets: readonly number[], done: number, hasOpen = true): void {
  const printed = [...host.texts.values()].join("").match(/\d+/g)?.map(Number) ?? [];
  assert.equal(new Set(printed).size, printed.length, "a task ran twice");
  const answered = tickets.filter((ticket) => host.answers.has(ticket));
  assert.deepEqual(answered, tickets.slice(0, done));
  answered.forEach((_, i) => assert.ok(printed.includes(i), `task ${i} was answered and did not run`));
  const open = hasOpen ? [{ ticket: tickets[done], started: true }] : [];
  const rest = tickets.slice(done + open.length).map((ticket) => ({ ticket, started: false }));
  assert.deepEqual(host.unfinished.toSorted((a, b) => a.ticket - b.ticket), [...open, ...rest]);
  for (const number of printed) assert.ok(number < done + open.length, `task ${number} ran unseen`);
}

const ENDS: readonly Case[] = [
  ["every way out is seen at once, and named", (start) => {
    const exits: readonly [string, () => void][] = [
      ["exited", () => Deno.exit(3)],
      ["exited", () => self.close()],
      ["exited", () => Deno.stdin.close()],
    ];
    for (const [reason, leave] of exits) {
      using host = start().untilReady();
      const ticket = host.offerCall(host.define(leave));
      host.slot.ring();
      const from = performance.now();
      if (leave.toString().includes("stdin")) {
        host.until(() => host.answers.has(ticket) || host.end !== undefined);
      }
      assert.equal(host.untilEnded().reason, reason);
      assert.ok(performance.now() - from < 2000, "its end was seen late");
      assert.equal(host.slot.state, "ended");
      assert.equal(host.slot.memory(), 0);
    }
  }],
  ["a signal from elsewhere is an end by that signal", (start) => {
    using host = start().untilReady();
    const ticket = host.offerCall(host.define(() => {
      for (;;);
    }));
    host.slot.ring();
    host.until(() => host.startedAt.has(ticket));
    kill(host.slot.pid, SIGNAL.term);
    const end = host.untilEnded();
    assert.deepEqual([end.signal, end.reason], [SIGNAL.term, "exited"]);
    assert.deepEqual(host.unfinished, [{ ticket, started: true }]);
  }],
  ["closing is harmless twice, and from within a look", (start) => {
    const host = start().untilReady();
    host.offerCall(host.define(() => 1));
    host.slot.ring();
    host.result = () => host.slot.close();
    host.until(() => host.slot.state === "ended");
    host.slot.close();
    host.slot.kill();
    host.slot.look(host);
    assert.equal(
      host.slot.offer({ ticket: 1, op: OP.apply, definition: 1, buffers: 0, body: new Uint8Array(1) }),
      false,
    );
  }],
  ["idle for 10 s, then a nested Worker; and one that is never ready is killed meanwhile", (start) => {
    using host = start().untilReady();
    using sleeper = new SlotHost(Slot.start(SETTINGS, ["/bin/sleep", "60"]));
    const deadline = performance.now() + 10_500;
    while (performance.now() < deadline) {
      host.wait(250);
      if (sleeper.end === undefined) sleeper.wait(0);
    }
    assert.equal(sleeper.untilEnded().reason, "never ready");
    assert.equal(host.call(nestedWorker), 5);
  }],
];

/** Runs in the slot. */
export function nestedWorker(): Promise<unknown> {
  return new Promise((done, failed) => {
    const worker = new Worker("data:application/javascript,postMessage(5)", { type: "module" });
    worker.onmessage = (event) => {
      worker.terminate();
      done(event.data);
    };
    worker.onerror = (event) => failed(new Error(event.message));
  });
}
