/** Resources, and the system's own affairs: by raw calls, as a task that is past Deno's wall would make them. */
import { type Category, type Said, type Way, ways } from "../way.ts";

/** A call that the kernel looks at: any error but a refusal says that it was let through. Arguments that do nothing. */
const calls = (said: Said, numbers: Readonly<Record<string, readonly unknown[]>>): Way[] =>
  ways(
    said,
    Object.fromEntries(
      Object.entries(numbers).map(([name, args]) => [
        name,
        `try { sys(${
          args.join(", ")
        }) } catch (error) { if (!/errno|EBADF/.test(error.message)) throw error }`,
      ]),
    ),
  );

const FILTERED: Said = { deno: "refused", seccomp: "EPERM" };
const BAD = 1;

export const resources: Category = {
  title: "resources",
  ways: [
    ...calls(FILTERED, {
      "io_uring_setup": [425, 1, BAD],
      "bpf": [321, 5, BAD, 8],
      "perf_event_open": [298, BAD, 0, -1, -1, 0],
      "userfaultfd": [323, 0xffff],
      "mount": [165, BAD, BAD, BAD, 0, BAD],
      "umount2": [166, BAD, 0],
      "chroot": [161, BAD],
      "unshare": [272, 0x7fffffff],
      "setns": [308, -1, 0],
      "add_key": [248, BAD, BAD, 0, 0, 0],
      "keyctl": [250, 0, -3, 0],
      "name_to_handle_at": [303, -1, BAD, BAD, BAD, 0],
      "open_by_handle_at": [304, -1, BAD, 0],
      "inotify_init1": [294, 0x7fff],
      "quotactl": [179, 0, BAD, 0, BAD],
      "setxattr": [188, BAD, BAD, BAD, 0, 0],
      "prlimit64 of another": [302, "at.victim", 7, 0, "new Uint8Array(16)"],
      "clock_settime": [227, 0, BAD],
      "settimeofday": [164, BAD, 0],
      "adjtimex": [159, BAD],
    }),
    ...calls({ ...FILTERED, capability: "EPERM" }, {
      "pivot_root": [155, BAD, BAD],
      "fsopen": [430, BAD, 0],
      "fanotify_init": [300, 0x7fffffff, 0],
      "reboot": [169, 0, 0, 0, 0],
      "swapon": [167, BAD, 0],
      "acct": [163, BAD],
      "sethostname": [170, BAD, 1],
      "syslog": [103, 10, 0, 0],
      "setgroups": [116, 0x7fffffff, 0],
    }),
    ...calls({ ...FILTERED, lesser: "EPERM" }, {
      "setpriority of another": [141, 0, "at.victim", 0],
      "sched_setaffinity of another": [203, "at.victim", 8, "new Uint8Array([255, 0, 0, 0, 0, 0, 0, 0])"],
      "sched_setscheduler of another": [144, "at.victim", 0, "new Uint8Array(4)"],
      "ioprio_set of another": [251, 1, "at.victim", 0],
    }),
    ...calls(FILTERED, {
      "setuid": [105, -1],
      "setresuid": [117, -1, -1, -1],
      "prctl PDEATHSIG": [157, 1, 9, 0, 0, 0],
      "F_SETOWN of another": [72, 1, 8, "at.victim"],
      "F_SETSIG": [72, 1, 10, 99],
    }),
    ...calls({ deno: "refused", seccomp: "EOPNOTSUPP" }, { "getxattr": [191, BAD, BAD, BAD, 0] }),
    ...calls({ deno: "refused", seccomp: "ENOSYS" }, { "file_setattr": [469, -1, BAD, BAD, 24, 0] }),
    ...calls({ deno: "refused", seccomp: "ENOSYS" }, { "clone3": [435, BAD, 0] }),
    ...calls({ deno: "refused", seccomp: "EPERM", landlock: "EPERM" }, {
      "move_pages of another": [279, "at.victim", 0, 0, 0, 0, 0],
    }),
    ...calls({ deno: "refused", landlock: "EPERM" }, {
      "raise the limit of file sizes": [160, 1, "new Uint8Array(16).fill(255)"],
    }),
  ],
};
