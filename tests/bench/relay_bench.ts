/**
 * What this machine relays at all: messages of one frame (of 600 bytes, if nothing else is asked for) from a DEALER through libzmq's own ROUTER-to-ROUTER proxy to
 * another DEALER, over TCP, in three processes. No JavaScript runs in the relay, so this is the yardstick of all other rates.
 *
 * A ROUTER hands on the sender's routing id in front, and another one takes it for the receiver's: both DEALERs have the same. The
 * receiver grants credit through the same relay, so that no queue grows.
 */

import { libzmq } from "../../src/native/libzmq.ts";
import { Context } from "../../src/wire/context.ts";
import { Incoming } from "../../src/wire/incoming.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";
import type { Figures } from "./figures.ts";

const FRAME_BYTES = 600;
/** Messages that one grant allows at most; two grants are under way. */
const MAX_GRANT = 5000;
/** Bytes that one grant allows, if that is less. */
const GRANT_BYTES = 16 << 20;
const ROUNDS = 5;
const DEADLINE_MS = 60_000;

/** @returns messages per second that arrive, the median of some rounds */
export async function benchRelay({ quick }: { readonly quick: boolean }): Promise<Figures> {
  return { raw_relay_msgs_per_s: await relayRate(FRAME_BYTES, quick ? 10 * MAX_GRANT : 60 * MAX_GRANT) };
}

/** Messages of this size per second, each round of at least so many. */
export async function relayRate(frameBytes: number, messages: number): Promise<number> {
  using context = Context.open();
  const relay = start("piped", "relay");
  let sender: Deno.ChildProcess | undefined;
  try {
    const [front, back] = (await firstLine(relay)).split(" ");
    sender = start("null", "send", front!, String(frameBytes));
    const socket = context.socket("DEALER", { identity: "peer" });
    socket.connect(back!);
    const grants = Math.ceil(messages / grantOf(frameBytes));
    return median(receiveRounds(socket, frameBytes, grants));
  } finally {
    for (const child of [relay, sender]) {
      child?.kill("SIGKILL");
      await child?.status;
    }
  }
}

/** An even number, since a grant is renewed when half of it is there. */
function grantOf(frameBytes: number): number {
  return Math.max(2, Math.min(MAX_GRANT, 2 * Math.floor(GRANT_BYTES / frameBytes / 2)));
}

/** Rates of each round, the first, in which everything warms up, left out. */
function receiveRounds(socket: Socket, frameBytes: number, grants: number): number[] {
  const granted = grantOf(frameBytes), messages = grants * granted;
  const incoming = new Incoming(), poller = new SyncPoller(), grant = [new Uint8Array(1)];
  const until = performance.now() + DEADLINE_MS;
  poller.add(socket, () => {});
  // The sender may not be there yet; a grant that nobody takes is dropped.
  do {
    if (performance.now() > until) throw new Error("Cannot measure the relay: nothing comes through");
    socket.send(grant);
    poller.wait(50);
  } while (!socket.readable);
  const rates: number[] = [];
  let from = performance.now(), count = 0;
  while (rates.length < ROUNDS) {
    if (!socket.receiveInto(incoming)) {
      poller.wait(1000);
      if (performance.now() > until) throw new Error("Cannot measure the relay: it stands still");
      continue;
    }
    if (incoming.size(0) !== frameBytes) {
      throw new Error("Cannot measure the relay: a message has another size");
    }
    if (++count % granted === granted / 2) socket.send(grant);
    if (count % messages > 0) continue;
    const now = performance.now();
    rates.push(messages / (now - from) * 1000);
    from = now;
  }
  return rates.slice(1);
}

/** Sends as much as is granted, for ever. */
function send(url: string, frameBytes: number): void {
  const context = Context.open(), poller = new SyncPoller(), incoming = new Incoming();
  const socket = context.socket("DEALER", { identity: "peer" });
  socket.connect(url);
  poller.add(socket, () => {});
  const message = [new Uint8Array(frameBytes).map((_, i) => i * 7)], granted = grantOf(frameBytes);
  for (;;) {
    while (!socket.receiveInto(incoming)) poller.wait(1000);
    for (let i = 0; i < granted; i++) socket.send(message);
  }
}

function relay(): void {
  const context = Context.open();
  const [front, back] = [context.socket("ROUTER"), context.socket("ROUTER")];
  console.log(front.bind("tcp://127.0.0.1:*"), back.bind("tcp://127.0.0.1:*"));
  libzmq().symbols.zmq_proxy(front.handle, back.handle, null);
}

function start(stdout: "piped" | "null", ...args: string[]): Deno.ChildProcess {
  const program = ["run", "-A", "--no-prompt", import.meta.filename!, ...args];
  return new Deno.Command(Deno.execPath(), { args: program, stdin: "null", stdout }).spawn();
}

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) break;
  }
  return text.slice(0, text.indexOf("\n"));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  const [role, url, bytes] = Deno.args;
  if (role === "relay") relay();
  else if (role === "send") send(url!, Number(bytes));
  else console.log(await benchRelay({ quick: role === "--quick" }));
}
