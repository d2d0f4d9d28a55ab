/**
 * The system-call filter: closes what Landlock leaves open (datagrams, Unix sockets, signals to others, file attributes, starting
 * programs), in all threads at once, also those that ran before. A forbidden call fails with EPERM; nothing is killed by it.
 *
 * The filter is a small program for the kernel's packet filter machine over (call number, architecture, arguments). Numbers differ
 * by architecture, hence two tables. aarch64 was not run by us.
 */
import { libc } from "./libc.ts";

/** One architecture's numbers. Calls that it does not have are left out. */
export interface SeccompTable {
  /** AUDIT_ARCH_… of linux/audit.h. */
  readonly audit: number;
  /** Whether numbers from 2^30 up are another calling convention of the same machine (x32). */
  readonly x32: boolean;
  readonly clone: number;
  readonly clone3: number;
  /** Calls whose first argument must be the own process id. */
  readonly ownPidOnly: readonly number[];
  /** Refused whatever their arguments. */
  readonly refused: readonly number[];
}

export const X86_64: SeccompTable = {
  audit: 0xc000003e,
  x32: true,
  clone: 56,
  clone3: 435,
  ownPidOnly: [62, 234], // kill, tgkill
  refused: [
    ...[41, 42, 43, 288, 49, 50, 53], // socket, connect, accept, accept4, bind, listen, socketpair
    ...[101, 310, 311, 312], // ptrace, process_vm_readv, process_vm_writev, kcmp
    ...[425, 426, 427], // io_uring_setup, _enter, _register
    ...[321, 298], // bpf, perf_event_open
    ...[165, 166, 155, 161, 428, 429, 430, 431, 432, 433, 442], // mounts, pivot_root, chroot
    ...[272, 308], // unshare, setns
    ...[248, 249, 250], // keys
    ...[323, 434, 438, 424, 440], // userfaultfd, pidfd_open, _getfd, _send_signal, process_madvise
    ...[200, 129, 297], // tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
    ...[59, 322, 57, 58], // execve, execveat, fork, vfork
    ...[90, 91, 268, 452, 92, 93, 94, 260], // chmod and chown
    ...[132, 235, 261, 280], // utime
    ...[188, 189, 190, 197, 198, 199, 463, 466], // extended attributes
    ...[303, 304], // name_to_handle_at, open_by_handle_at
    ...[253, 254, 294, 255, 300, 301], // inotify, fanotify
    ...[319, 356, 447], // memfd_create and its relatives
    ...[134, 136, 139, 163, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 212, 246, 313, 320], // the system's own affairs
  ],
};

export const AARCH64: SeccompTable = {
  audit: 0xc00000b7,
  x32: false,
  clone: 220,
  clone3: 435,
  ownPidOnly: [129, 131],
  refused: [
    ...[198, 203, 202, 242, 200, 201, 199],
    ...[117, 270, 271, 272],
    ...[425, 426, 427],
    ...[280, 241],
    ...[40, 39, 41, 51, 428, 429, 430, 431, 432, 433, 442],
    ...[97, 268],
    ...[217, 218, 219],
    ...[282, 434, 438, 424, 440],
    ...[130, 138, 240],
    ...[221, 281],
    ...[52, 53, 452, 54, 55],
    ...[88],
    ...[5, 6, 7, 14, 15, 16, 463, 466],
    ...[264, 265],
    ...[26, 27, 28, 262, 263],
    ...[279, 356, 447],
    ...[42, 60, 89, 104, 105, 106, 142, 161, 162, 170, 224, 225, 273, 294],
  ],
};

const LOAD = 0x20, EQUAL = 0x15, AT_LEAST = 0x35, ANY_BIT = 0x45, RETURN = 0x06;
const ALLOW = 0x7fff0000, EPERM = 0x00050001, ENOSYS = 0x00050026, KILL_PROCESS = 0x80000000;
const NUMBER = 0, ARCHITECTURE = 4, ARGUMENT_0 = 16;
const CLONE_THREAD = 0x10000;
const X32_BIT = 0x40000000;
const SYS_SECCOMP = { x86_64: 317n, aarch64: 277n } as const;

/** One step of the filter: operation, steps to skip if true, if false, constant. */
type Step = readonly [operation: number, ifTrue: number, ifFalse: number, constant: number];

/** The filter as steps: what `assemble` turns into bytes, and what the tests run. */
export function filterSteps(table: SeccompTable, pid: number): Step[] {
  return [
    [LOAD, 0, 0, ARCHITECTURE],
    [EQUAL, 1, 0, table.audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER],
    ...(table.x32 ? [[AT_LEAST, 0, 1, X32_BIT], [RETURN, 0, 0, EPERM]] as Step[] : []),
    // The C library falls back to clone(), whose flags can be seen here.
    [EQUAL, 0, 1, table.clone3],
    [RETURN, 0, 0, ENOSYS],
    ...guarded(table.clone, ANY_BIT, CLONE_THREAD),
    ...table.ownPidOnly.flatMap((number) => guarded(number, EQUAL, pid)),
    ...table.refused.flatMap((number): Step[] => [[EQUAL, 0, 1, number], [RETURN, 0, 0, EPERM]]),
    [RETURN, 0, 0, ALLOW],
  ];
}

/** Allows a call only if its first argument passes the test. */
function guarded(number: number, test: number, value: number): Step[] {
  return [
    [EQUAL, 0, 4, number],
    [LOAD, 0, 0, ARGUMENT_0],
    [test, 0, 1, value],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, EPERM],
  ];
}

/** A filter in the kernel's form, with its pointers taken, ready to be raised when the right to use FFI is gone. */
export interface SeccompFilter {
  readonly program: Uint8Array<ArrayBuffer>;
  /** Kept so that its memory lives until the kernel has copied it. */
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Builds the filter for this process. Undefined on an architecture without a table. */
export function buildSeccomp(pid: number): SeccompFilter | undefined {
  const table = { x86_64: X86_64, aarch64: AARCH64 }[Deno.build.arch];
  return table && assemble(filterSteps(table, pid));
}

function assemble(steps: readonly Step[]): SeccompFilter {
  const code = new Uint8Array(steps.length * 8);
  const view = new DataView(code.buffer);
  steps.forEach(([operation, ifTrue, ifFalse, constant], i) => {
    view.setUint16(i * 8, operation, true);
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    view.setUint32(i * 8 + 4, constant >>> 0, true);
  });
  const program = new Uint8Array(16);
  const head = new DataView(program.buffer);
  head.setUint16(0, steps.length, true);
  head.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(code))), true);
  return { program, code };
}

/** Puts the filter on all threads of this process. `noNewPrivileges()` must have been called. False if the kernel refused. */
export function raiseSeccomp(filter: SeccompFilter): boolean {
  const number = SYS_SECCOMP[Deno.build.arch];
  return libc().syscallBuffer3(number, 1n, 1n, filter.program, 0n) === 0n;
}
