/**
 * Everything that a slot's process has, held against a short list: what is not on it fails the test, until somebody has looked at it.
 */
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { type Grant, NO_GRANT } from "../../src/engine/slot_contract.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { readSet } from "../../src/protocol/permissions.ts";
import { SETTINGS, SlotHost } from "../contracts/slot_host.ts";
import { compiledCommand, ignore, why } from "./compiled_slot.ts";

/** What the runtime needs open beside its three streams, and how many at most. None is a file, a listener or a way to another process. */
const DESCRIPTORS: readonly (readonly [what: RegExp, most: number])[] = [
  [/^anon_inode:\[eventpoll\]$/, 6],
  [/^anon_inode:\[eventfd\]$/, 4],
  // The runtime's own pairs, with which a signal wakes it.
  [/^socket:\[\d+\]$/, 8],
];

const ENVIRONMENT = ["DENO_DIR=/dev/null/none", "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1"];

/** Limits that are not the host's own. */
const LIMITS: Readonly<Record<string, string>> = { "Max file size": "0 0", "Max core file size": "0 0" };

/** Files that may be mapped: the program, its libraries, the memory shared with the host. */
const MAPPED =
  /^(\/usr)?\/lib(64|32)?\/|^\/memfd:slot \(deleted\)$|^\[\w+(:[\w ]+)?\]$|^\/dev\/zero \(deleted\)$/;

const THREADS = /^(deno|slot|worker-\d+|V8 DefaultWorke|tokio-runtime-w|tokio-rt-worker|notify-rs .*)$/;

const SYSTEMS = [
  { name: "slot", command: childCommand, ignore: false },
  { name: `compiled slot${why}`, command: compiledCommand, ignore },
];

for (const { name, command, ignore } of SYSTEMS) {
  const test = (what: string, fn: (of: Inventory) => void, grant = NO_GRANT) =>
    Deno.test({
      name: `${name}: inventory: ${what}`,
      ignore,
      fn() {
        // What a host may have open by accident.
        using secret = Deno.openSync("/etc/hostname");
        using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        assert.ok(secret && listener);
        using host = new SlotHost(Slot.start(SETTINGS, command()), grant).untilReady();
        host.call(() => 1);
        fn(new Inventory(host.slot.pid, command()));
      },
    });
  test("descriptors", (of) => of.descriptors());
  test("environment, arguments, folder, name", (of) => of.told());
  test("limits and rights", (of) => of.limits());
  test("mapped files and threads", (of) => of.memory());
  test("with everything granted that can be, nothing more is open", (of) => of.descriptors(), everything());
}

function everything(): Grant {
  const permissions = readSet({ read: true, write: true, net: true, env: true, sys: true }, "permissions");
  return { ...NO_GRANT, permissions };
}

class Inventory {
  readonly #proc: string;

  constructor(readonly pid: number, readonly command: readonly string[]) {
    this.#proc = `/proc/${pid}`;
  }

  #read(file: string): string {
    return Deno.readTextFileSync(`${this.#proc}/${file}`);
  }

  descriptors(): void {
    const streams = [0, 1, 2].map((fd) => Deno.readLinkSync(`${this.#proc}/fd/${fd}`));
    assert.equal(new Set(streams).size, 3);
    for (const target of streams) assert.match(target, /^pipe:/);
    const counts = new Map<RegExp, number>();
    const sockets = new Set<string>();
    for (const { name } of Deno.readDirSync(`${this.#proc}/fd`)) {
      const target = ifThere(() => Deno.readLinkSync(`${this.#proc}/fd/${name}`));
      if (target === null || streams.includes(target)) continue;
      const [what, most] = DESCRIPTORS.find(([pattern]) => pattern.test(target)) ?? [];
      assert.ok(what !== undefined, `descriptor ${name} is ${target}`);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      assert.ok(counts.get(what)! <= most!, `descriptor ${name} is one more of ${target}`);
      if (target.startsWith("socket:")) sockets.add(target.slice("socket:[".length, -1));
    }
    this.#checkSockets(sockets);
  }

  /** Both ends of each pair are here, and none has a name. */
  #checkSockets(inodes: ReadonlySet<string>): void {
    const known = Deno.readTextFileSync("/proc/net/unix").split("\n").map((line) => line.trim().split(/\s+/));
    for (const inode of inodes) {
      const row = known.find((fields) => fields[6] === inode);
      assert.ok(row !== undefined, `socket ${inode} is no Unix socket`);
      assert.deepEqual([row[4], row[5], row[7]], ["0001", "03", undefined], `socket ${inode} is no pair's`);
    }
    assert.equal(inodes.size % 2, 0);
    const ours = new Set(
      [...Deno.readDirSync("/proc/self/fd")].map(({ name }) =>
        ifThere(() => Deno.readLinkSync(`/proc/self/fd/${name}`))
      ),
    );
    for (const inode of inodes) assert.ok(!ours.has(`socket:[${inode}]`), "a socket is shared with the host");
  }

  told(): void {
    assert.deepEqual(this.#read("environ").split("\0").filter((text) => text !== "").toSorted(), ENVIRONMENT);
    assert.deepEqual(this.#read("cmdline").split("\0").slice(0, -1), this.command);
    assert.equal(Deno.readLinkSync(`${this.#proc}/cwd`), "/");
    assert.equal(Deno.readLinkSync(`${this.#proc}/root`), "/");
    assert.equal(this.#read("comm").trim(), this.command[0]!.split("/").at(-1)!.slice(0, 15));
    const [, , group, session, terminal] = this.#read("stat").replace(/^.*\) /s, "").split(" ").map(Number);
    assert.deepEqual([group, session, terminal], [this.pid, this.pid, 0], "group, session, terminal");
  }

  limits(): void {
    const own = limitsOf("/proc/self"), its = limitsOf(this.#proc);
    for (const [name, value] of its) {
      // The runtime itself may raise the one of descriptors.
      const expected = LIMITS[name] ?? (name === "Max open files" ? value : own.get(name));
      assert.equal(value, expected, name);
    }
    for (const name of Object.keys(LIMITS)) assert.ok(its.has(name), name);
    for (const { name } of Deno.readDirSync(`${this.#proc}/task`)) {
      const status = ifThere(() => this.#read(`task/${name}/status`));
      if (status === null) continue;
      assert.match(status, /NoNewPrivs:\t1\n/);
      assert.match(status, /Seccomp:\t2\n/);
      assert.match(status, /CapInh:\t0+\n/);
      assert.match(status, /CapAmb:\t0+\n/);
      // Threads that ran before the walls keep what they had; no task runs on them.
      if (!/^Name:\tworker-/.test(status)) continue;
      assert.match(status, /CapPrm:\t0+\n/);
      assert.match(status, /CapEff:\t0+\n/);
    }
  }

  memory(): void {
    const program = Deno.realPathSync(this.command[0]!);
    for (const line of this.#read("maps").split("\n")) {
      const path = line.split(/\s+/).slice(5).join(" ");
      if (path !== "" && path !== program) assert.match(path, MAPPED);
    }
    for (const { name } of Deno.readDirSync(`${this.#proc}/task`)) {
      const thread = ifThere(() => this.#read(`task/${name}/comm`).trim());
      if (thread !== null) assert.match(thread, THREADS);
    }
  }
}

function limitsOf(proc: string): Map<string, string> {
  const lines = Deno.readTextFileSync(`${proc}/limits`).split("\n").slice(1).filter(Boolean);
  return new Map(lines.map((line) => {
    const [, name = "", soft, hard] = /^(.+?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? [];
    return [name, `${soft} ${hard}`];
  }));
}

/** Null for what was there when the folder was read, and has gone since. */
function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|os error 3\b/.test(String(error))) return null;
    throw error;
  }
}
