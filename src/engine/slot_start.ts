/**
 * Starts the process of a slot's child: pipes, shared memory, the first text on its fd 0.
 */
import {
  closeFd,
  createShared,
  destroyShared,
  pidfdOpen,
  pipe,
  setNonBlocking,
  type SharedMemory,
  spawn,
  writeFd,
} from "../native/libc.ts";
import type { PermissionName } from "../protocol/permissions.ts";
import { type RingLayout, ringLayout } from "./ring.ts";
import type { SlotSettings } from "./slot_contract.ts";
import type { SpecialStart } from "./special_start.ts";
import { frameOf } from "./slot_job.ts";

/** Nothing else is in the child's environment. Without DENO_DIR Deno finds a cache through the password file, and writes to it. */
const ENVIRONMENT = { DENO_DIR: "/dev/null/none", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };

/** The command that starts a child: this executable itself, which in a compiled program has the child's code in it. */
export function childCommand(): string[] {
  const program = Deno.execPath();
  if (Deno.build.standalone) return [program, "slot-child"];
  const flags = [
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--no-npm",
    "--unstable-worker-options",
    // V8 keeps what was compiled from text, whether anybody can still reach it or not: functions that come and go would fill the memory.
    "--v8-flags=--no-compilation-cache",
  ];
  return [program, "run", "-A", ...flags, `${import.meta.dirname}/child_bundle.js`];
}

export interface Pipes {
  /** The host's ends. */
  readonly bell: number;
  readonly stdout: number;
  readonly stderr: number;
}

export interface Started {
  readonly pid: number;
  readonly pidfd: number;
  readonly pipes: Pipes;
  readonly memory: SharedMemory;
  readonly layout: RingLayout;
  readonly settings: SlotSettings;
  /** Kinds of permissions whose denials its flags hold. */
  readonly held: readonly PermissionName[];
}

/** @throws Error if it cannot be started */
export function startChild(
  settings: SlotSettings,
  command: readonly string[],
  special?: SpecialStart,
): Started {
  const layout = ringLayout(settings.entries, settings.ringBytes, settings.arenaBytes);
  const memory = createShared(layout.total);
  const stdin = pipe(), stdout = pipe(), stderr = pipe();
  try {
    for (const fd of [stdin.write, stdout.read, stderr.read]) setNonBlocking(fd);
    const stdio = [stdin.read, stdout.write, stderr.write] as const;
    const env = { ...ENVIRONMENT, ...special?.environment };
    const pid = spawn({ command: special?.command(command, settings.walls.deno) ?? command, env, stdio });
    const pidfd = pidfdOpen(pid);
    writeFd(stdin.write, frameOf({ ...settings, hostPid: Deno.pid, ringFd: memory.fd }));
    const pipes = { bell: stdin.write, stdout: stdout.read, stderr: stderr.read };
    return { pid, pidfd, pipes, memory, layout, settings, held: special?.held ?? [] };
  } catch (error) {
    for (const fd of [stdin.write, stdout.read, stderr.read]) closeFd(fd);
    destroyShared(memory);
    throw error;
  } finally {
    for (const fd of [stdin.read, stdout.write, stderr.write]) closeFd(fd);
  }
}
