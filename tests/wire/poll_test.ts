import assert from "node:assert/strict";
import { closeFd, libc, pipe, writeFd } from "../../src/native/libc.ts";
import { Context } from "../../src/wire/context.ts";
import { AsyncPoller, SyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { awaitReadable, DEADLINE_MS, frames, nextMessage, pair, texts } from "./sockets.ts";

// Opened here, since Deno counts a library that a test opens as its leak.
libc();

/** A test after which nothing may be under way. */
function cleanTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}

/** Settles like `promise`, or fails at the deadline. */
async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Nothing happened in time")), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The promise of `count` messages' first frames on a socket, read by a poller. */
function collect(poller: AsyncPoller, socket: Socket, count: number): Promise<string[]> {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const received: string[] = [];
  poller.add(socket, () => {
    for (let message = socket.receive(); message !== undefined; message = socket.receive()) {
      received.push(texts(message)[0]!);
      if (received.length === count) resolve(received);
    }
  });
  return promise;
}

/** Two sockets that know each other: what binds cannot send before. */
function twoDealers(context: Context): [Socket, Socket] {
  const [bound, connected] = pair(context, { type: "DEALER" }, { type: "DEALER" });
  connected.send(frames("hello"));
  nextMessage(bound);
  return [bound, connected];
}

// ── SyncPoller ─────────────────────────────────────────────────────────────────────────────────

cleanTest("SyncPoller: a socket that rests wakes nobody, and is heard after its rest or with others", () => {
  using context = Context.open();
  const [resting, sender] = twoDealers(context), [other, wakes] = twoDealers(context);
  const poller = new SyncPoller(), heard: string[] = [];
  const read = (socket: Socket) => () => {
    for (let message = socket.receive(); message !== undefined; message = socket.receive()) {
      heard.push(texts(message)[0]!);
    }
  };
  poller.add(resting, read(resting), { restMs: 10_000 });
  poller.add(other, read(other));
  sender.send(frames("first"));
  poller.wait(DEADLINE_MS);
  assert.deepEqual(heard, ["first"]);
  sender.send(frames("second"));
  wakes.send(frames("other"));
  poller.wait(DEADLINE_MS);
  poller.wait(0);
  assert.deepEqual(heard, ["first", "other"]);
  // Whoever is awake may read it all the same.
  awaitReadable(resting);
  read(resting)();
  assert.deepEqual(heard, ["first", "other", "second"]);
  poller.add(resting, read(resting), { restMs: 1 });
  for (const word of ["third", "fourth"]) {
    sender.send(frames(word));
    poller.wait(DEADLINE_MS);
  }
  assert.deepEqual(heard.slice(3), ["third", "fourth"]);
});

cleanTest("SyncPoller.wait() comes back at its time limit", () => {
  using context = Context.open();
  const poller = new SyncPoller();
  poller.add(context.socket("DEALER"), () => assert.fail("nothing can be read"));
  const before = performance.now();
  assert.equal(poller.wait(30), true);
  assert(performance.now() - before >= 29);
  assert.equal(poller.wait(0), true);
  assert.equal(new SyncPoller().wait(0), true);
});

cleanTest("SyncPoller.wait() calls each ready once, which may add and remove", () => {
  using context = Context.open();
  const [a, b] = twoDealers(context), [c, d] = twoDealers(context);
  const poller = new SyncPoller(), calls: string[] = [];
  for (const socket of [a, b, c, d]) socket.send(frames("x"));
  for (const socket of [a, b, c, d]) awaitReadable(socket);
  poller.add(a, () => {
    calls.push("a");
    poller.remove(b);
    poller.add(d, () => calls.push("d"));
  });
  poller.add(b, () => calls.push("b"));
  poller.add(c, () => calls.push("c"));
  poller.wait(DEADLINE_MS);
  assert.deepEqual(calls, ["a", "c"]);
  a.receive();
  poller.wait(DEADLINE_MS);
  assert.deepEqual(calls, ["a", "c", "c", "d"]);
});

cleanTest("SyncPoller watches file descriptors beside sockets, and hears when a pipe ends", () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  const ends = pipe(), poller = new SyncPoller(), calls: string[] = [];
  poller.add(ends.read, () => calls.push("pipe"));
  poller.add(a, () => calls.push(`socket ${texts(a.receive()!)}`));
  b.send(frames("text"));
  poller.wait(DEADLINE_MS);
  writeFd(ends.write, new Uint8Array(1));
  poller.wait(DEADLINE_MS);
  assert.deepEqual(calls, ["socket text", "pipe"]);
  poller.remove(ends.read);
  const silent = pipe();
  poller.add(silent.read, () => calls.push("end"));
  closeFd(silent.write);
  poller.wait(DEADLINE_MS);
  assert.deepEqual(calls.slice(2), ["end"]);
  for (const fd of [ends.read, ends.write, silent.read]) closeFd(fd);
});

cleanTest("SyncPoller forgets a socket that was closed", () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  const poller = new SyncPoller(), calls: string[] = [];
  poller.add(b, () => {
    b.receive();
    calls.push("b");
    a.close();
  });
  poller.add(a, () => calls.push("a"));
  a.send(frames("x"));
  poller.wait(DEADLINE_MS);
  poller.wait(0);
  assert.deepEqual(calls, ["b"]);
});

Deno.test("SyncPoller.wait() answers false when a signal comes", async () => {
  const script = `
    import { Context } from "${import.meta.resolve("../../src/wire/context.ts")}";
    import { SyncPoller } from "${import.meta.resolve("../../src/wire/poll.ts")}";
    Deno.addSignalListener("SIGUSR1", () => {});
    const context = Context.open(), poller = new SyncPoller();
    poller.add(context.socket("DEALER"), () => {});
    console.log("waiting");
    console.log(poller.wait(${DEADLINE_MS}));
    Deno.exit();
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "", timer: ReturnType<typeof setInterval> | undefined;
  for (;;) {
    const { value, done } = await inTime(reader.read());
    if (done) break;
    output += value;
    // Again and again: the first may come before the wait has begun.
    if (timer === undefined && output.includes("waiting")) {
      timer = setInterval(() => child.kill("SIGUSR1"), 20);
    }
    if (output.includes("false") || output.includes("true")) clearInterval(timer);
  }
  clearInterval(timer);
  await child.status;
  assert.equal(output, "waiting\nfalse\n");
});

// ── AsyncPoller ────────────────────────────────────────────────────────────────────────────────

cleanTest("AsyncPoller: two sockets play ping-pong", async () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  await using poller = new AsyncPoller();
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  poller.add(a, () => {
    for (let m = a.receive(); m !== undefined; m = a.receive()) a.send(m);
  });
  poller.add(b, () => {
    for (let m = b.receive(); m !== undefined; m = b.receive()) {
      if (++count === 2000) resolve();
      else b.send(m);
    }
  });
  b.send(frames("ball"));
  await inTime(promise);
});

cleanTest(
  "AsyncPoller hears a message whose edge was taken away by a send, a receive or a look",
  async () => {
    using context = Context.open();
    const [a, b] = twoDealers(context);
    await using poller = new AsyncPoller();
    const uses: Record<string, () => void> = {
      look: () => void a.readable,
      send: () => void a.send(frames("x")),
      both: () => {
        a.send(frames("x"));
        a.send(frames("y"));
      },
    };
    for (const [name, use] of Object.entries(uses)) {
      const arrived = collect(poller, a, 1);
      // The poller stands in its wait before the message comes.
      await new Promise((resolve) => setTimeout(resolve, 1));
      b.send(frames(name));
      // Blocks until the message is here, so that no turn of the event loop lies between its arrival and the use.
      awaitReadable(a);
      use();
      assert.deepEqual(await inTime(arrived), [name]);
    }
  },
);

cleanTest(
  "AsyncPoller hears a message that arrived between the last receive and a send in the same callback",
  async () => {
    using context = Context.open();
    const [a, b] = twoDealers(context);
    await using poller = new AsyncPoller();
    const { promise, resolve } = Promise.withResolvers<void>();
    let turns = 0;
    poller.add(a, () => {
      a.receive();
      if (++turns === 200) return resolve();
      b.send(frames("next"));
      awaitReadable(a);
      a.send(frames("the edge is gone"));
    });
    b.send(frames("first"));
    await inTime(promise);
  },
);

cleanTest("AsyncPoller calls again a ready that did not read everything", async () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  await using poller = new AsyncPoller();
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0, turns = 0;
  const counting = setInterval(() => turns++, 0);
  for (let i = 0; i < 3000; i++) b.send(frames(`${i}`));
  poller.add(a, () => {
    assert.deepEqual(texts(a.receive()!), [`${count}`]);
    if (++count === 3000) resolve();
  });
  await inTime(promise);
  clearInterval(counting);
  assert(turns > 0, "the event loop had no turn");
});

cleanTest(
  "AsyncPoller: a socket that is added, removed or closed while it waits counts at once",
  async () => {
    using context = Context.open();
    const [a, b] = twoDealers(context), [c, d] = twoDealers(context);
    await using poller = new AsyncPoller();
    b.send(frames("1"));
    assert.deepEqual(await inTime(collect(poller, a, 1)), ["1"]);
    d.send(frames("2"));
    assert.deepEqual(await inTime(collect(poller, c, 1)), ["2"]);
    poller.remove(a);
    poller.remove(a);
    b.send(frames("3"));
    d.send(frames("4"));
    c.close();
    assert.deepEqual(await inTime(collect(poller, a, 1)), ["3"]);
  },
);

cleanTest("AsyncPoller: what a ready throws is an uncaught error, and the others are heard", async () => {
  using context = Context.open();
  const [a, b] = twoDealers(context), [c, d] = twoDealers(context);
  await using poller = new AsyncPoller();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const hear = (event: ErrorEvent) => {
    event.preventDefault();
    resolve(event.error);
  };
  globalThis.addEventListener("error", hear, { once: true });
  poller.add(a, () => {
    a.receive();
    throw new Error("broken");
  });
  const heard = collect(poller, c, 1);
  b.send(frames("x"));
  d.send(frames("y"));
  assert.equal(String(await inTime(promise)), "Error: broken");
  assert.deepEqual(await inTime(heard), ["y"]);
});

cleanTest("AsyncPoller.close() ends a wait, at any time and as often as one likes", async () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  const poller = new AsyncPoller();
  await inTime(poller.close());
  const second = new AsyncPoller();
  second.add(a, () => assert.fail("closed"));
  await new Promise((resolve) => setTimeout(resolve, 1));
  const closing = [second.close(), second.close()];
  b.send(frames("unheard"));
  await inTime(Promise.all(closing));
  assert(second.closed);
  assert.throws(() => second.add(a, () => {}), /closed/);
  const third = new AsyncPoller();
  third.add(a, () => void third.close());
  await inTime(third.close());
});

cleanTest("AsyncPoller: closing its context under it leaves nothing behind", async () => {
  const context = Context.open();
  const [a] = twoDealers(context);
  const poller = new AsyncPoller();
  poller.add(a, () => {});
  await new Promise((resolve) => setTimeout(resolve, 1));
  context.close();
  await inTime(poller.close());
});

cleanTest("AsyncPoller ends with the context that it was given", async () => {
  const context = Context.open();
  const poller = new AsyncPoller(context);
  poller.add(context.socket("DEALER"), () => {});
  await new Promise((resolve) => setTimeout(resolve, 1));
  context.close();
  assert(poller.closed);
  await inTime(poller.close());
});

cleanTest("AsyncPoller ends with its signal, also one that came before", async () => {
  using context = Context.open();
  const [a] = twoDealers(context);
  const abort = new AbortController();
  const poller = new AsyncPoller(undefined, { signal: abort.signal });
  poller.add(a, () => {});
  await new Promise((resolve) => setTimeout(resolve, 1));
  abort.abort();
  assert(poller.closed);
  await inTime(poller.close());
  const late = new AsyncPoller(undefined, { signal: abort.signal });
  assert(late.closed);
  await inTime(late.close());
});

cleanTest("A socket has one AsyncPoller at a time", async () => {
  using context = Context.open();
  const [a, b] = twoDealers(context);
  await using first = new AsyncPoller();
  await using second = new AsyncPoller();
  first.add(a, () => {});
  first.add(a, () => assert.fail("replaced"));
  assert.throws(() => second.add(a, () => {}), /twice/);
  first.remove(a);
  b.send(frames("x"));
  assert.deepEqual(await inTime(collect(second, a, 1)), ["x"]);
});

Deno.test("A process ends by itself once its poller is closed", async () => {
  const script = `
    import { Context } from "${import.meta.resolve("../../src/wire/context.ts")}";
    import { AsyncPoller } from "${import.meta.resolve("../../src/wire/poll.ts")}";
    const context = Context.open(), poller = new AsyncPoller(), socket = context.socket("DEALER");
    socket.bind("tcp://127.0.0.1:*");
    poller.add(socket, () => {});
    setTimeout(() => { poller.close(); context.close(); console.log("closed"); }, 10);
  `;
  const output = await inTime(new Deno.Command(Deno.execPath(), { args: ["eval", script] }).output());
  assert.equal(new TextDecoder().decode(output.stdout), "closed\n");
  assert.equal(output.code, 0);
});
