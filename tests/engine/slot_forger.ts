/** A child that fills its results with garbage and rings. Run by `slot_ring_test.ts`. */
import { CONTROL, ringLayout } from "../../src/engine/ring.ts";
import type { Job } from "../../src/engine/sandbox.ts";
import { openShared } from "../../src/native/libc.ts";

const line = new Uint8Array(4096);
const length = Deno.stdin.readSync(line) ?? 0;
const job: Job = JSON.parse(new TextDecoder().decode(line.subarray(0, length)));
const layout = ringLayout(job.entries, job.ringBytes, job.arenaBytes);
const memory = openShared(`/proc/${job.hostPid}/fd/${job.ringFd}`, layout.total);
crypto.getRandomValues(new Uint8Array(memory, layout.results, 4096));
Atomics.store(new Int32Array(memory), CONTROL.resultHead, 5);
Deno.stdout.writeSync(new Uint8Array([0]));
setInterval(() => {}, 1000);
