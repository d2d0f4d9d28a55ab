/**
 * Numbers of the system calls that the filter speaks of, by architecture and by what they are for. aarch64 was not run by us.
 */

/** One architecture's numbers. Calls that it does not have are left out. */
export interface SeccompTable {
  /** AUDIT_ARCH_… of linux/audit.h. */
  readonly audit: number;
  /** Whether numbers from 2^30 up are another calling convention of the same machine (x32). */
  readonly x32: boolean;
  readonly clone: number;
  readonly clone3: number;
  /** Calls that reach into any process, with the argument that says which: it must be 0, which is the calling one. */
  readonly ownOnly: readonly (readonly [call: number, argument: number])[];
  readonly setpriority: number;
  readonly socket: number;
  readonly socketpair: number;
  /** connect, accept, accept4, bind, listen. */
  readonly network: readonly number[];
  /** Calls that connect on the way if a flag says so, with the argument that holds the flags. */
  readonly fastOpen: readonly (readonly [call: number, argument: number])[];
  /** Calls whose first argument must be the own process id, unless programs are granted. */
  readonly signals: readonly number[];
  /** execve, fork, vfork. */
  readonly programs: readonly number[];
  /** chmod, chown, utime, and truncate, which Landlock knows from version 3. */
  readonly attributes: readonly number[];
  /** inotify. */
  readonly watching: readonly number[];
  /** Never open, whatever is granted. */
  readonly refused: readonly number[];
  /** Never open, and answered as by a file system that does not have it: what asks for extended attributes goes on without. */
  readonly unsupported: readonly number[];
  /** Calls that are refused where an argument has one of these values. */
  readonly forbidden: readonly Forbidden[];
}

/** Values of an argument with which a call is refused. */
export interface Forbidden {
  readonly call: number;
  readonly argument: number;
  readonly values: readonly number[];
}

/** Calls from here on were added after these tables were made; a C library that gets ENOSYS does without. */
export const FIRST_UNKNOWN = 467;

/** PR_SET_PDEATHSIG (a slot ends with its host), PR_SET_PTRACER. */
const PRCTL = [1, 0x59616d61];
/** F_SETOWN, F_SETSIG, F_SETOWN_EX: any signal to any process of the user, at the next byte of a pipe. */
const FCNTL = [8, 10, 15];
/** FIOSETOWN, SIOCSPGRP, the same; TIOCSTI, TIOCLINUX: to type into a terminal. */
const IOCTL = [0x8901, 0x8902, 0x5412, 0x541c];

export const X86_64: SeccompTable = {
  audit: 0xc000003e,
  x32: true,
  clone: 56,
  clone3: 435,
  ownOnly: [[302, 0], [203, 0], [144, 0], [142, 0], [314, 0], [251, 1]], // prlimit64, sched_set…, ioprio_set
  setpriority: 141,
  socket: 41,
  socketpair: 53,
  network: [42, 43, 288, 49, 50],
  fastOpen: [[44, 3], [46, 2], [307, 3]], // sendto, sendmsg, sendmmsg
  signals: [62, 234], // kill, tgkill
  programs: [59, 57, 58],
  attributes: [90, 91, 268, 452, 92, 93, 94, 260, 132, 235, 261, 280, 76],
  watching: [253, 254, 294, 255],
  refused: [
    ...[101, 310, 311, 312, 256, 279], // ptrace, process_vm_readv, process_vm_writev, kcmp, migrate_pages, move_pages
    ...[425, 426, 427], // io_uring_setup, _enter, _register
    ...[321, 298], // bpf, perf_event_open
    ...[165, 166, 155, 161, 428, 429, 430, 431, 432, 433, 442], // mounts, pivot_root, chroot
    ...[272, 308], // unshare, setns
    ...[112, 109], // setsid, setpgid: nothing leaves the slot's group, which is what ends it
    ...[248, 249, 250], // keys
    ...[323, 434, 438, 424, 440, 448], // userfaultfd, pidfd_open, _getfd, _send_signal, process_madvise, _mrelease
    ...[457, 458, 460], // statmount, listmount, lsm_set_self_attr
    ...[200, 129, 297], // tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
    ...[322], // execveat
    ...[188, 189, 190, 197, 198, 199, 463, 466], // extended attributes, to set and remove them
    ...[105, 106, 113, 114, 116, 117, 119, 122, 123, 126], // who the process is, and its capabilities
    ...[303, 304], // name_to_handle_at, open_by_handle_at
    ...[300, 301], // fanotify
    ...[319, 356, 447], // memfd_create and its relatives
    ...[29, 30, 31, 67, 64, 65, 66, 220, 68, 69, 70, 71], // shared memory, semaphores and messages of System V
    ...[240, 241, 242, 243, 244, 245], // message queues: both outlive the process, and are no files
    ...[134, 136, 139, 163, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 212, 246, 313, 320], // the system's own affairs
    ...[103, 153, 154, 159, 164, 227, 305], // its log, its terminals, local descriptor tables, its clock
  ],
  unsupported: [191, 192, 193, 194, 195, 196, 464, 465],
  forbidden: [
    { call: 157, argument: 0, values: PRCTL },
    { call: 72, argument: 1, values: FCNTL },
    { call: 16, argument: 1, values: IOCTL },
  ],
};

export const AARCH64: SeccompTable = {
  audit: 0xc00000b7,
  x32: false,
  clone: 220,
  clone3: 435,
  ownOnly: [[261, 0], [122, 0], [119, 0], [118, 0], [274, 0], [30, 1]],
  setpriority: 140,
  socket: 198,
  socketpair: 199,
  network: [203, 202, 242, 200, 201],
  fastOpen: [[206, 3], [211, 2], [269, 3]],
  signals: [129, 131],
  programs: [221],
  attributes: [52, 53, 452, 54, 55, 88, 45],
  watching: [26, 27, 28],
  refused: [
    ...[117, 270, 271, 272, 238, 239],
    ...[425, 426, 427],
    ...[280, 241],
    ...[40, 39, 41, 51, 428, 429, 430, 431, 432, 433, 442],
    ...[97, 268],
    ...[157, 154],
    ...[217, 218, 219],
    ...[282, 434, 438, 424, 440, 448],
    ...[457, 458, 460],
    ...[130, 138, 240],
    ...[281],
    ...[5, 6, 7, 14, 15, 16, 463, 466],
    ...[264, 265],
    ...[262, 263],
    ...[279, 356, 447],
    ...[194, 195, 196, 197, 190, 191, 192, 193, 186, 187, 188, 189],
    ...[180, 181, 182, 183, 184, 185],
    ...[42, 60, 89, 104, 105, 106, 142, 161, 162, 224, 225, 273, 294],
    ...[116, 58, 171, 170, 112, 266],
    ...[146, 144, 145, 143, 159, 147, 149, 151, 152, 91],
  ],
  unsupported: [8, 9, 10, 11, 12, 13, 464, 465],
  forbidden: [
    { call: 167, argument: 0, values: PRCTL },
    { call: 25, argument: 1, values: FCNTL },
    { call: 29, argument: 1, values: IOCTL },
  ],
};
