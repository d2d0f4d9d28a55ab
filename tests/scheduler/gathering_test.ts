/** What a single task does not send at once: its copies to the hub, and the acceptance to its client. */
import assert from "node:assert/strict";
import { silentLogger } from "../../src/base/log.ts";
import { readBatch } from "../../src/protocol/link_batch.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { ClientEnds } from "../../src/scheduler/client_ends.ts";
import { HubLink } from "../../src/scheduler/hub_link.ts";
import { SCHEDULER_BOUNDS } from "../../src/scheduler/options.ts";
import type { Socket } from "../../src/wire/socket.ts";

/** A link whose messages are kept, as topics. */
function recorded(): { link: HubLink; sent: string[] } {
  const sent: string[] = [];
  const decoder = new TextDecoder();
  const send = ([topic, body]: readonly Uint8Array[]) => {
    const name = decoder.decode(topic);
    if (name !== "batch") return sent.push(name);
    return sent.push(readBatch(body!).messages.map(([topic]) => decoder.decode(topic)).join("+"));
  };
  return { link: new HubLink({ send } as unknown as Socket, silentLogger()), sent };
}

const small = new Uint8Array(100), large = new Uint8Array(SCHEDULER_BOUNDS.smallGroupBytes);

Deno.test("Copies of small groups leave together when their time has come", () => {
  const { link, sent } = recorded();
  for (const topic of ["tasks", "assigned", "results", "direct"] as const) link.send(topic, [small]);
  link.flushDue(link.nextFlush - 1);
  assert.deepEqual(sent, []);
  link.flushDue(link.nextFlush);
  assert.deepEqual(sent, ["tasks+assigned+results+direct"]);
  assert.equal(link.nextFlush, Infinity);
});

Deno.test("A large group leaves alone, at once, behind what was gathered; so does what is told", () => {
  const { link, sent } = recorded();
  link.send("tasks", [small]);
  link.send("results", [large]);
  link.send("results", [small]);
  link.tell({ kind: "cancelled" });
  assert.deepEqual(sent, ["tasks", "results", "results", "json"]);
});

/** Ends whose acceptances are counted. */
function clientEnds(): { ends: ClientEnds; sent: readonly unknown[] } {
  const sent: unknown[] = [];
  const socket = { send: (frames: unknown) => sent.push(frames) } as unknown as Socket;
  const { link } = recorded();
  const sealing = { mac: createMac("key"), nonce: 1n };
  return { ends: new ClientEnds({ socket, link, sealing, hold: () => {}, warn: () => {} }), sent };
}

Deno.test("A large group is accepted at the end of the turn, a small one later", () => {
  const { ends, sent } = clientEnds();
  const end = ends.heard(0, 1, new Uint8Array([1]))!;
  ends.accept(end, small.length);
  ends.flushAll();
  assert.equal(sent.length, 0);
  assert.ok(ends.nextAcceptance < Infinity);
  ends.accept(end, large.length);
  ends.flushAll();
  assert.equal(sent.length, 1);
});

Deno.test("A small group is accepted when its time has come, once", async () => {
  const { ends, sent } = clientEnds();
  const end = ends.heard(0, 1, new Uint8Array([1]))!;
  ends.accept(end, small.length);
  while (sent.length === 0) {
    await new Promise((resolve) => setTimeout(resolve));
    ends.flushAll();
  }
  ends.flushAll();
  assert.equal(sent.length, 1);
  assert.equal(ends.nextAcceptance, Infinity);
});
