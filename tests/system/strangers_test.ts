/** Strangers who come and go at the ports that only publish leave nothing behind. */
import assert from "node:assert/strict";
import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { pssOfTrees } from "../bench/memory.ts";
import { Run } from "./run.ts";

const STRANGERS = 1000;
const MESSAGES = 200;
/** A connection that nobody ever looks at holds its pipes and what it has said: here about 120 KB. */
const MOST_GROWTH_MB = 40;

const encoder = new TextEncoder();
const GREETING = new Uint8Array(64);
GREETING.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
GREETING.set(encoder.encode("NULL"), 12);
const READY = [5, ...encoder.encode("READY"), 11, ...encoder.encode("Socket-Type"), 0, 0, 0, 3];
/** A subscriber's introduction, and messages that are no subscriptions. */
const NONSENSE = Uint8Array.from([
  ...[4, READY.length + 3, ...READY, ...encoder.encode("SUB")],
  ...Array.from({ length: MESSAGES }, () => [0, 255, ...new Uint8Array(255).fill(7)]).flat(),
]);

/** Says it all; settles when the other side has read all of it and has closed. */
async function visit(port: number): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(1000);
  await connection.write(GREETING);
  for (let heard = 0; heard < GREETING.length;) heard += await connection.read(buffer) ?? Infinity;
  for (let at = 0; at < NONSENSE.length;) at += await connection.write(NONSENSE.subarray(at));
  await connection.closeWrite();
  while (await connection.read(buffer).catch(() => null) !== null);
}

Deno.test("who has been at a port that only publishes, and has gone, takes no memory", async (test) => {
  await using run = await Run.start({ n: 1 });
  const { notification, iopub } = readConnectionFile(run.clientFile, "client");
  const size = () => pssOfTrees([run.controllerPid]);
  for (const [name, port] of Object.entries({ notification, iopub })) {
    await test.step(name, async () => {
      for (let i = 0; i < 20; i++) await visit(port);
      const before = size();
      for (let i = 0; i < STRANGERS; i++) await visit(port);
      // An answer: the hub, and through it the schedulers, have had a turn since.
      await run.client.direct([0]).apply(() => 1);
      await run.client.queueStatus();
      const growth = size() - before;
      assert(growth < MOST_GROWTH_MB, `the controller grew by ${growth.toFixed(1)} MB`);
    });
  }
});
