/** Many clients at once: one that leaves in the middle, one that reads nothing, and the others, who notice neither. */
import assert from "node:assert/strict";
import { RawPeer } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";
import { OP } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";

/** Resident memory of a process in MB. */
function residentMB(pid: number): number {
  const [, kB = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kB) / 1024;
}

Deno.test("five clients at once get their own results, each in order", async () => {
  await using run = await Run.start();
  const clients = await Promise.all(Array.from({ length: 5 }, () => run.connect()));
  const items = Array.from({ length: 1000 }, (_, i) => i);
  const leaver = clients.pop()!;
  const open = leaver.loadBalanced().map((i: number) => new Promise((r) => setTimeout(() => r(i), 5)), items);
  const lost = Promise.resolve(open).catch((error: unknown) => error);
  const results = clients.map((client, c) =>
    Promise.resolve(
      client.loadBalanced().map((i: number, k: number) => i * 10 + k, items, items.map(() => c)),
    )
  );
  await eventually(() => leaver.pending, (count) => count > 0, "it has open tasks");
  await leaver.close();
  assert((await lost) instanceof Error);
  for (const [c, values] of (await Promise.all(results)).entries()) {
    assert.deepEqual(values, items.map((i) => i * 10 + c));
  }
  await queueIsEmpty(run.client);
});

Deno.test("a client that never reads its results costs bounded memory, and leaves it when it goes", async () => {
  await using run = await Run.start({ controllerArgs: ["--database=none"] });
  const { controllerPid: pid, client } = run;
  await client.loadBalanced().map((i: number) => i, Array.from({ length: 2000 }, (_, i) => i));
  const quiet = residentMB(pid);
  {
    using peer = new RawPeer(run.folder.dir);
    await peer.announce();
    // 400 results of 1 MB each: nobody takes them from the socket.
    for (let n = 1; n <= 400; n += 20) {
      const body = encodeValue({ code: "'x'.repeat(200_000)" }).body;
      peer.send("task", [
        peer.tasks(Array.from({ length: 20 }, (_, i) => ({ n: n + i, op: OP.execute, definition: 0, body }))),
      ]);
    }
    await eventually(
      async () => ((await client.status()).queue as { finished: number }).finished,
      (finished) => finished >= 2400,
      "all its tasks are done",
    );
    // The others go on as if nothing were.
    assert.equal(await client.loadBalanced().apply(() => 1), 1);
    const grown = residentMB(pid) - quiet;
    assert(grown < 250, `${Math.round(grown)} MB more`);
  }
  await queueIsEmpty(client);
});
