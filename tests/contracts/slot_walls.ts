/**
 * What stands between a task and the machine: in each state of the three switches the wall that answers is the one that should,
 * and with all three off the same code succeeds, so that a wall cannot seem to hold because the attempt was wrong.
 */
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { nestedWorker } from "./slot.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";
import type { SlotSuiteOptions } from "./slot.ts";
import { type Answer, attempt as tried, STATES, type Switches } from "./wall_answers.ts";

interface Attempt {
  readonly name: string;
  /** Runs in the slot. */
  readonly run: (at: Targets) => unknown;
  /** Which of the kernel's walls holds it. Deno's holds all of them. */
  readonly kernel: (walls: Switches) => boolean;
  /** Whether it goes through the loader of modules. */
  readonly isLoading?: boolean;
}

interface Targets {
  readonly file: string;
  readonly module: string;
  readonly port: number;
  readonly socket: string;
  readonly host: number;
}

const byLandlock = (walls: Switches) => walls.landlock;
const bySeccomp = (walls: Switches) => walls.seccomp;
const byEither = (walls: Switches) => walls.landlock || walls.seccomp;

const ATTEMPTS: readonly Attempt[] = [
  { name: "read a file", kernel: byLandlock, run: ({ file }) => Deno.readTextFileSync(file) },
  { name: "list a folder", kernel: byLandlock, run: () => [...Deno.readDirSync("/etc")].length },
  {
    name: "import a file",
    isLoading: true,
    kernel: byLandlock,
    run: ({ module }) => import(module, { with: { type: "json" } }),
  },
  {
    name: "connect by TCP",
    kernel: byEither,
    run: async ({ port }) => (await Deno.connect({ hostname: "127.0.0.1", port })).close(),
  },
  {
    name: "send a datagram",
    kernel: bySeccomp,
    run: async ({ port }) => {
      const { createSocket } = await import("node:dgram");
      const socket = createSocket("udp4");
      await new Promise((done, failed) => {
        socket.on("error", failed);
        // Deno's own refusal is thrown where nobody awaits it.
        addEventListener("error", (event) => failed(event.error), { once: true });
        socket.send("x", port, "127.0.0.1", (error) => error ? failed(error) : done(0));
      });
      socket.close();
    },
  },
  {
    name: "connect to a Unix socket",
    kernel: bySeccomp,
    run: async ({ socket }) => (await Deno.connect({ transport: "unix", path: socket })).close(),
  },
  { name: "signal the host", kernel: byEither, run: ({ host }) => Deno.kill(host, "SIGCONT") },
  { name: "start a program", kernel: byEither, run: () => new Deno.Command("/bin/true").outputSync().code },
  {
    name: "change a file's mode",
    kernel: bySeccomp,
    run: ({ file }) => Deno.chmodSync(file, 0o600),
  },
];

/** Things that a task may do behind all walls. */
const FINE: Readonly<Record<string, () => unknown>> = {
  timers: () => new Promise((done) => setTimeout(() => done(true), 1)),
  WebAssembly: async () => {
    const module = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    return (await WebAssembly.instantiate(module)).instance !== undefined;
  },
  crypto: async () => {
    const digest = await crypto.subtle.digest("SHA-256", crypto.getRandomValues(new Uint8Array(3)));
    return digest.byteLength === 32;
  },
  gzip: async () => {
    const stream = new Blob(["x".repeat(1000)]).stream().pipeThrough(new CompressionStream("gzip"));
    return (await new Response(stream).arrayBuffer()).byteLength < 100;
  },
  vm: async () => (await import("node:vm")).runInThisContext("1 + 1") === 2,
  sqlite: async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(":memory:");
    database.exec("create table a(b); insert into a values(1)");
    return database.prepare("select b from a").get()?.["b"] === 1;
  },
  buffers: () => new Uint8Array(500 << 20).fill(1).length === 500 << 20,
  "a module from data": async () =>
    (await import("data:application/javascript,export default 7")).default === 7,
};

/** Registers the tests of the walls. */
export function wallSuite({ name, command, ignore = false, isCompiled = false }: SlotSuiteOptions): void {
  for (const { name: up, walls } of STATES) {
    const title = `${name}: walls: ${up}`;
    Deno.test({ name: title, ignore, fn: () => tryAll(command(), walls, isCompiled) });
  }
  Deno.test({
    name: `${name}: walls: what is no harm works behind all of them`,
    ignore,
    fn() {
      using host = new SlotHost(Slot.start(SETTINGS, command())).untilReady();
      for (const [what, run] of Object.entries(FINE)) {
        assert.equal(host.value(host.offerCall(host.define(run))), true, what);
      }
      assert.equal(host.call(nestedWorker), 5);
      const inner = "postMessage([typeof Deno[Deno.internal], typeof caches].join())";
      const doors = host.call((code: string) =>
        new Promise((done) => {
          const worker = new Worker("data:application/javascript," + encodeURIComponent(code), {
            type: "module",
          });
          worker.onmessage = (event) => done(event.data);
        }), inner);
      assert.equal(doors, "undefined,undefined");
      const bindings = () => typeof Reflect.get(Reflect.get(globalThis, "process"), "binding");
      assert.equal(host.call(bindings), "undefined");
      assert.equal(host.call(() => typeof Reflect.get(Deno, Reflect.get(Deno, "internal"))), "undefined");
    },
  });
}

async function tryAll(command: readonly string[], walls: Switches, isCompiled: boolean): Promise<void> {
  const folder = await Deno.makeTempDir();
  const targets = {
    file: `${folder}/file`,
    module: `file://${folder}/module.json`,
    socket: `${folder}/socket`,
    host: Deno.pid,
  };
  await Deno.writeTextFile(targets.file, "secret");
  await Deno.writeTextFile(`${folder}/module.json`, "7");
  using unix = Deno.listen({ transport: "unix", path: targets.socket });
  using tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.ok(unix);
  try {
    using host = new SlotHost(Slot.start({ ...SETTINGS, walls }, command)).untilReady();
    checkReport(host, walls);
    for (const attempt of ATTEMPTS) {
      const { said, text } = tried(host, attempt.run, { ...targets, port: tcp.addr.port });
      assert.equal(said, expected(attempt, walls, isCompiled), `${attempt.name}: ${text}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function expected(attempt: Attempt, walls: Switches, isCompiled: boolean): Answer {
  if (walls.deno && !(isCompiled && attempt.isLoading)) return "deno";
  return attempt.kernel(walls) ? "kernel" : "open";
}

function checkReport(host: SlotHost, walls: Switches): void {
  const report = host.walls!;
  assert.deepEqual([report.deno, report.seccomp], [walls.deno, walls.seccomp]);
  assert.equal(report.landlock > 0, walls.landlock);
  const hasAll = walls.landlock && walls.seccomp;
  assert.equal(report.missing.length === 0, hasAll, report.missing.join());
}
