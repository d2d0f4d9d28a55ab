/**
 * The main thread of a slot's child: raises the walls, then starts the Worker behind them. The order of the steps is the point; each
 * has its reason beside it. This is where `child_bundle.js` begins (`bundle_build.ts` makes it).
 */
import {
  closeFd,
  cString,
  ignoreFileSizeSignal,
  libc,
  limitResources,
  openShared,
  refuseToOutlive,
} from "../native/libc.ts";
import { noNewPrivileges, raiseLandlock } from "../native/landlock.ts";
import { buildSeccomp, raiseSeccomp } from "../native/seccomp.ts";
import { BELL, CONTROL, ringLayout } from "./ring.ts";
import type { Grant } from "./slot_contract.ts";
import { CHILD_PHASE, type Job, readFrame } from "./slot_job.ts";
import type { WorkerStart } from "./sandbox_worker.ts";

/** The Worker's code and the text of its tools for cells; the build puts them in. */
declare const WORKER_TEXT: string;
declare const CELL_TOOLS_TEXT: string;

/**
 * The Worker's module: it runs the first message that it gets, which is the Worker's code. A `data:` URL, since a file would need the right to read that
 * is gone; a short one, since every error that is thrown carries the URL of its frames: with the whole code in it a stack costs 1.5 ms.
 */
const WORKER_BOOT = `data:application/javascript,${
  encodeURIComponent('addEventListener("message", (event) => (0, eval)(event.data), { once: true });')
}`;

type Walls = WorkerStart["walls"];

/** Takes every right of this process, and what the Worker would inherit of them. */
function revokeRights(): void {
  const names = ["run", "write", "net", "env", "sys", "import", "ffi", "read"] as const;
  for (const name of names) Deno.permissions.revokeSync({ name });
}

/** Whether the kernel lets this process do something that the walls should refuse. */
function isOpen(attempt: () => number): boolean {
  const fd = attempt();
  if (fd >= 0) closeFd(fd);
  return fd >= 0;
}

function prepareSignals(): void {
  // 2.9 opens a socketpair when it first needs signals, and panics if the filter forbids it.
  const nothing = () => {};
  Deno.addSignalListener("SIGWINCH", nothing);
  Deno.removeSignalListener("SIGWINCH", nothing);
}

function raiseWalls(job: Job): Walls {
  const { walls } = job;
  // Pointers need the right to FFI, which is about to go.
  const filter = walls.seccomp ? buildSeccomp(Deno.pid) : undefined;
  const executable = cString("/proc/self/exe");
  const { open, socket } = libc();
  if (walls.deno) revokeRights();
  const isPrivate = noNewPrivileges();
  const landlock = walls.landlock && isPrivate ? raiseLandlock() : 0;
  const seccomp = filter !== undefined && isPrivate && raiseSeccomp(filter);
  const missing: string[] = [];
  if (landlock === 0 || isOpen(() => open(executable, 0o2000000))) missing.push("files (no Landlock)");
  if (landlock < 4 && !seccomp) missing.push("TCP (Landlock older than version 4)");
  if (!seccomp || isOpen(() => socket(2, 2, 0))) {
    missing.push("datagrams, Unix sockets, signals (no seccomp)");
  }
  return { landlock, seccomp, missing, excess: [] };
}

function startWorker(job: Job, memory: ArrayBuffer, walls: Walls): void {
  const permissions = job.walls.deno ? "none" : "inherit";
  const worker = new Worker(WORKER_BOOT, { type: "module", name: "", deno: { permissions } });
  // What gets here ended the Worker; this process ends with it, as nothing else keeps it alive.
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    console.error(event.message);
    Deno.exit(1);
  });
  const start: WorkerStart = {
    memory,
    entries: job.entries,
    ringBytes: job.ringBytes,
    arenaBytes: job.arenaBytes,
    resultLimitBytes: job.resultLimitBytes,
    cellTools: CELL_TOOLS_TEXT,
    walls,
  };
  worker.postMessage(WORKER_TEXT);
  worker.postMessage(start, [memory]);
}

function main(): void {
  const read = Deno.stdin.readSync.bind(Deno.stdin);
  const job = readFrame(read) as Job | undefined;
  if (job === undefined) Deno.exit(0);
  // A write beyond the limit shall fail, not end the process.
  ignoreFileSizeSignal();
  if (!refuseToOutlive(job.hostPid)) Deno.exit(0);
  const layout = ringLayout(job.entries, job.ringBytes, job.arenaBytes);
  const memory = openShared(`/proc/${job.hostPid}/fd/${job.ringFd}`, layout.total);
  // A compiled program's loader looks upwards from here for a package.json, and dies of the wall where there is one.
  Deno.chdir("/");
  prepareSignals();
  tellUndecided(memory);
  const grant = readFrame(read) as Grant | undefined;
  if (grant === undefined) Deno.exit(0);
  limitResources();
  startWorker(job, memory, raiseWalls(job));
}

/** Tells the host that everything is done that needs no grant. */
function tellUndecided(memory: ArrayBuffer): void {
  Atomics.store(new Int32Array(memory), CONTROL.phase, CHILD_PHASE.undecided);
  Deno.stdout.writeSync(new Uint8Array([BELL]));
}

main();
