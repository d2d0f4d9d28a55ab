import assert from "node:assert/strict";
import { PeerProgram } from "./program.ts";

const program = (code: string): [string, ...string[]] => [Deno.execPath(), "eval", code];

Deno.test("a peer is asked and answers, whatever else it says", async () => {
  await using peer = new PeerProgram(program(`
    console.log("hello\\n0.5");
    for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) console.log("[" + part.trim() + "]");
  `));
  assert.equal(await peer.next(), 0.5);
  assert.deepEqual(await peer.ask(["submit", 3]), [["submit", 3]]);
});

Deno.test({
  name: "a peer that gives no answer is ended, and its workers with it (needs Linux)",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const hanging = ["sh", "-c", "sleep 1000 & echo $!; wait"] as const;
    await using peer = new PeerProgram(hanging, { deadlineMs: 3000 });
    const worker = await peer.next() as number;
    await assert.rejects(peer.ask(["submit", 3]), /no answer within 3 s/);
    while (isAlive(worker)) await new Promise((resolve) => setTimeout(resolve, 10));
  },
});

/** Whether it is there and no mere entry that nobody has asked for yet. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("a peer that ends says why", async () => {
  await using peer = new PeerProgram(program(`console.error("no such cluster"); Deno.exit(1)`));
  await assert.rejects(peer.next(), /no such cluster/);
});
