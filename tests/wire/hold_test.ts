/** A program that is held in a synchronous wait: when it is, and that everything else of it goes on. */
import assert from "node:assert/strict";
import { Context } from "../../src/wire/context.ts";
import { Hold, HOLD_MS } from "../../src/wire/hold.ts";
import { AsyncPoller } from "../../src/wire/poll.ts";
import { frames, texts } from "./sockets.ts";

class Clock {
  at = 1000;
  readonly read = () => this.at;
}

/** A hold after so many questions that were answered within a tenth of its time. */
function heldAfter(clock: Clock, count: number): Hold {
  const hold = new Hold(clock.read);
  hold.looped();
  for (let i = 0; i < count; i++) {
    hold.asked();
    clock.at += HOLD_MS / 10;
    hold.answered();
  }
  return hold;
}

Deno.test("A hold is likely after some short answers in a row, and due with the next question", () => {
  const clock = new Clock();
  assert.equal(heldAfter(clock, 3).isLikely, false);
  const hold = heldAfter(clock, 4);
  assert.equal(hold.isLikely, true);
  assert.equal(hold.isDue, false);
  hold.asked();
  assert.equal(hold.isDue, true);
});

Deno.test("No hold for long answers, after a miss, with two questions under way, or when the event loop's turn is due", () => {
  const clock = new Clock();
  const long = heldAfter(clock, 4);
  long.asked();
  clock.at += HOLD_MS;
  long.answered();
  assert.equal(long.isLikely, false);
  const missed = heldAfter(clock, 4);
  missed.missed();
  assert.equal(missed.isLikely, false);
  const two = heldAfter(clock, 4);
  two.asked();
  two.asked();
  assert.equal(two.isDue, false);
  const turned = heldAfter(clock, 4);
  clock.at += 5;
  assert.equal(turned.isLikely, false);
  turned.looped();
  assert.equal(turned.isLikely, true);
});

async function echo(): Promise<string> {
  const worker = new Worker(new URL("./echo_worker.ts", import.meta.url), { type: "module" });
  return await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
}

/** A connected socket whose questions are held for, and what is done with each answer. */
async function conversation(run: (ask: (text: string) => Promise<string>) => Promise<void>): Promise<void> {
  const url = await echo();
  using context = Context.open();
  const hold = new Hold();
  await using poller = new AsyncPoller(context, { hold });
  const socket = context.socket("DEALER", { lingerMs: 1000 });
  socket.connect(url);
  let settle: (text: string) => void = () => {};
  poller.add(socket, () => {
    for (let message = socket.receive(); message !== undefined; message = socket.receive()) {
      hold.answered();
      settle(texts(message)[0]!);
    }
  });
  const ask = (text: string) =>
    new Promise<string>((resolve) => {
      settle = resolve;
      hold.asked();
      socket.send(frames(text));
    });
  await run(ask);
  await ask("end");
}

Deno.test("While question follows answer, timers and other connections of the program go on", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.readable.pipeTo(connection.writable, { preventCancel: true }).catch(() => {});
  })().catch(() => {});
  const port = (listener.addr as Deno.NetAddr).port;
  const other = await Deno.connect({ hostname: "127.0.0.1", port });
  let ticks = 0, echoes = 0, isOver = false;
  const timer = setInterval(() => ticks++, 1);
  const pinging = (async () => {
    const byte = new Uint8Array(1);
    while (!isOver) {
      await other.write(byte);
      await other.read(byte);
      echoes++;
    }
  })();
  await conversation(async (ask) => {
    for (let i = 0; ticks < 50 || echoes < 50; i++) assert.equal(await ask(String(i)), String(i));
  });
  clearInterval(timer);
  isOver = true;
  await pinging;
  other.close();
  await served;
});

Deno.test("An answer that does not come holds nothing up", async () => {
  await conversation(async (ask) => {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) assert.equal(await ask(String(i)), String(i));
      void ask("silence");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
});
