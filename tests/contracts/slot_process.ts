/**
 * What a slot's child is as a process: what it holds open, what it was told, what it may use, and that it ends with its host.
 */
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";
import type { SlotSuiteOptions } from "./slot.ts";

/** What the runtime itself needs open: none of it is a file, a listener or a way to another process. */
const ALLOWED = /^(pipe|socket|anon_inode):/;

/** Registers the tests of the child as a process. */
export function processSuite({ name, command, ignore = false }: SlotSuiteOptions): void {
  Deno.test({
    name: `${name}: process: descriptors, environment, arguments and limits`,
    ignore,
    fn: () => checkProcess(command()),
  });
  Deno.test({
    name: `${name}: process: no child outlives a host that was killed`,
    ignore,
    fn: () => checkOrphans(command()),
  });
}

function checkProcess(command: string[]): void {
  using secret = Deno.openSync("/etc/hostname");
  assert.ok(secret);
  using host = new SlotHost(Slot.start(SETTINGS, command)).untilReady();
  host.call(() => 1);
  const proc = `/proc/${host.slot.pid}`;
  for (const { name } of Deno.readDirSync(`${proc}/fd`)) {
    const target = ifThere(() => Deno.readLinkSync(`${proc}/fd/${name}`));
    if (target === null) continue;
    assert.match(target, ALLOWED, `descriptor ${name}`);
    if (Number(name) <= 2) assert.match(target, /^pipe:/);
  }
  const ours = [Deno.pid, host.slot.pid].map((pid) => sockets(`/proc/${pid}`));
  assert.deepEqual(ours[0]!.intersection(ours[1]!), new Set(), "a socket is shared with the host");
  const environment = Deno.readTextFileSync(`${proc}/environ`).split("\0").filter((text) => text !== "");
  assert.deepEqual(environment.map((text) => text.split("=")[0]).toSorted(), [
    "DENO_DIR",
    "DENO_NO_UPDATE_CHECK",
    "NO_COLOR",
  ]);
  assert.deepEqual(Deno.readTextFileSync(`${proc}/cmdline`).split("\0").slice(0, -1), command);
  assert.equal(Deno.readLinkSync(`${proc}/cwd`), "/");
  const limits = Deno.readTextFileSync(`${proc}/limits`);
  assert.match(limits, /Max file size +0 +0 /);
  assert.match(limits, /Max core file size +0 +0 /);
  const fields = Deno.readTextFileSync(`${proc}/stat`).replace(/^.*\) /, "").split(" ");
  assert.deepEqual(fields.slice(2, 4).map(Number), [host.slot.pid, host.slot.pid], "group and session");
  for (const { name } of Deno.readDirSync(`${proc}/task`)) {
    const status = ifThere(() => Deno.readTextFileSync(`${proc}/task/${name}/status`));
    if (status === null) continue;
    assert.match(status, /NoNewPrivs:\t1/);
    assert.match(status, /Seccomp:\t2/);
  }
  assert.ok(host.slot.memory() > 10 << 20);
}

/** Null for what was there when the folder was read, and has gone since: a thread that ended. */
function ifThere(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|os error 3\b/.test(String(error))) return null;
    throw error;
  }
}

function sockets(proc: string): Set<string> {
  const names = [...Deno.readDirSync(`${proc}/fd`)].map(({ name }) => {
    try {
      return Deno.readLinkSync(`${proc}/fd/${name}`);
    } catch {
      return "";
    }
  });
  return new Set(names.filter((target) => target.startsWith("socket:")));
}

async function checkOrphans(command: readonly string[]): Promise<void> {
  const script = new URL("./slot_orphans.ts", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", script, JSON.stringify(command)];
  const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  const pids: number[] = JSON.parse(text);
  assert.equal(pids.length, 5);
  const group = pids[3]!;
  assert.ok(inGroup(group).length >= 3, "the slot, its program and the program's own");
  for (const pid of pids) assert.ok(isAlive(pid), `child ${pid} is not there`);
  process.kill("SIGKILL");
  await reader.cancel();
  await process.status;
  const deadline = performance.now() + 5000;
  const left = () => [...pids.filter(isAlive), ...inGroup(group)];
  while (left().length > 0 && performance.now() < deadline) await new Promise((done) => setTimeout(done, 5));
  assert.deepEqual(left(), []);
}

/** Processes of a group that run. */
function inGroup(group: number): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    if (!(pid > 0) || !isAlive(pid)) return false;
    const stat = ifThere(() => Deno.readTextFileSync(`/proc/${pid}/stat`)) ?? "";
    return Number(stat.replace(/^.*\) /s, "").split(" ")[2]) === group;
  });
}

/** Whether a process runs; one that only waits to be reaped does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
