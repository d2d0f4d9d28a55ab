/**
 * The main thread of a slot's child: raises the walls, then starts the Worker behind them. The order of the steps is the point; each
 * has its reason beside it. This is where `child_bundle.js` begins (`bundle_build.ts` makes it).
 */
import {
  changeFolder,
  closeFd,
  cString,
  dropCapabilities,
  ignoreFileSizeSignal,
  libc,
  limitResources,
  openShared,
  refuseToOutlive,
} from "../native/libc.ts";
import { noNewPrivileges, raiseLandlock } from "../native/landlock.ts";
import { buildSeccomp, raiseSeccomp } from "../native/seccomp.ts";
import { PERMISSION_NAMES } from "../protocol/permissions.ts";
import { hasAny } from "./effective.ts";
import { PROGRAM_PATH } from "./program_files.ts";
import { BELL, CONTROL, ringLayout } from "./ring.ts";
import { CHILD_PHASE, type Job, readFrame, type ToldGrant, wallsOf } from "./slot_job.ts";
import type { WallPlan } from "./wall_plan.ts";
import { revoke, withoutUnixPlaces, type WorkerRights } from "./worker_permissions.ts";
import { WorkerSeries } from "./worker_series.ts";
import type { Grant } from "./slot_contract.ts";
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

/** What the process has from the grant before the walls: variables, a folder to be in, limits. */
function settle({ walls }: Job, grant: ToldGrant): void {
  const { run, write, import: remote } = grant.permissions;
  const { scratch } = grant;
  // Programs are found by it; it tells nothing.
  if (hasAny(run.allow)) Deno.env.set("PATH", PROGRAM_PATH);
  if (scratch !== "") { for (const name of ["HOME", "TMPDIR"]) Deno.env.set(name, scratch); }
  for (const [name, value] of Object.entries(grant.environment)) Deno.env.set(name, value);
  if (scratch !== "") changeFolder(scratch);
  // The limit of files stands behind Landlock's wall, and is down with it.
  const writes = hasAny(write.allow) || hasAny(remote.allow) || !walls.landlock;
  limitResources(writes ? "files" : "no files");
}

function raiseWalls({ walls }: Job, grant: ToldGrant, plan: WallPlan): Walls {
  // Pointers need the right to FFI, which is about to go.
  const filter = walls.seccomp ? buildSeccomp(Deno.pid, plan.openings) : undefined;
  const executable = cString("/proc/self/exe"), path = Deno.execPath();
  const { open, socket } = libc();
  // What the Worker is to be given stays until it has it.
  if (walls.deno) revoke(PERMISSION_NAMES.filter((name) => !hasAny(grant.permissions[name].allow)));
  const isPrivate = noNewPrivileges();
  // With all switches off nothing stands, so that the tests see what would get through.
  if (walls.landlock || walls.seccomp) dropCapabilities(plan.capabilities);
  const landlock = walls.landlock && isPrivate ? raiseLandlock(plan.landlock) : 0;
  const seccomp = filter !== undefined && isPrivate && raiseSeccomp(filter);
  const missing: string[] = [];
  if (landlock === 0 || (!isGranted(plan, path) && isOpen(() => open(executable, 0o2000000)))) {
    missing.push("files (no Landlock)");
  }
  if (landlock < 4 && !seccomp) missing.push("TCP (Landlock older than version 4)");
  if (!seccomp || (!plan.openings.internet && isOpen(() => socket(2, 2, 0)))) {
    missing.push("datagrams, Unix sockets, signals (no seccomp)");
  }
  return { landlock, seccomp, missing, excess: plan.excess };
}

/** Whether a file may be read by what the plan leaves open. */
function isGranted(plan: WallPlan, file: string): boolean {
  return plan.landlock.paths.some(({ path }) => path === "/" || file === path || file.startsWith(`${path}/`));
}

function makeWorker(permissions: WorkerRights | "inherit"): Worker {
  try {
    return new Worker(WORKER_BOOT, { type: "module", name: "", deno: { permissions } });
  } catch (error) {
    if (!(error instanceof URIError) || permissions === "inherit") throw error;
    return makeWorker(withoutUnixPlaces(permissions));
  }
}

function startWorker(
  job: Job,
  memory: ArrayBuffer,
  rights: WorkerRights,
  walls: Walls,
  isolation: Grant["isolation"],
): void {
  const isFresh = isolation === "worker";
  new WorkerSeries({
    make: () => makeWorker(job.walls.deno ? rights : "inherit"),
    // The Workers to come can only be given what is here by then.
    made: () => job.walls.deno && !isFresh && revoke(PERMISSION_NAMES),
    text: WORKER_TEXT,
    bytes: memory.byteLength,
    exit: Deno.exit,
    complain: (text) => console.error(text),
    start: {
      entries: job.entries,
      ringBytes: job.ringBytes,
      arenaBytes: job.arenaBytes,
      resultLimitBytes: job.resultLimitBytes,
      cellTools: CELL_TOOLS_TEXT,
      closed: PERMISSION_NAMES.filter((name) => rights[name] !== true && rights[name] !== "inherit"),
      isFresh,
      walls,
    },
  }, memory);
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
  changeFolder("/");
  prepareSignals();
  tellUndecided(memory);
  const told = readFrame(read) as ToldGrant | undefined;
  if (told === undefined) Deno.exit(0);
  const { rights, plan } = told.walls ?? wallsOf(told, told.held);
  settle(job, told);
  startWorker(job, memory, rights, raiseWalls(job, told, plan), told.isolation);
}

/** Tells the host that everything is done that needs no grant. */
function tellUndecided(memory: ArrayBuffer): void {
  Atomics.store(new Int32Array(memory), CONTROL.phase, CHILD_PHASE.undecided);
  Deno.stdout.writeSync(new Uint8Array([BELL]));
}

main();
