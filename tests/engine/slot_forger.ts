/** A child that fills its results with garbage and rings. Run by `slot_ring_test.ts`. */
import { CONTROL, ringLayout } from "../../src/engine/ring.ts";
import { type Job, readFrame } from "../../src/engine/slot_job.ts";
import { openShared } from "../../src/native/libc.ts";

const job = readFrame(Deno.stdin.readSync.bind(Deno.stdin)) as Job;
const layout = ringLayout(job.entries, job.ringBytes, job.arenaBytes);
const memory = openShared(`/proc/${job.hostPid}/fd/${job.ringFd}`, layout.total);
crypto.getRandomValues(new Uint8Array(memory, layout.results, 4096));
Atomics.store(new Int32Array(memory), CONTROL.resultHead, 5);
Deno.stdout.writeSync(new Uint8Array([0]));
setInterval(() => {}, 1000);
