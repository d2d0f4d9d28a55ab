/**
 * The C library, for what Deno cannot do itself: start a child with exactly three descriptors, share memory with it, wait for pipes
 * and for its end in one call, and reap it at once. `Deno.Command` would tell a host that waits synchronously of an exit after more
 * than a second, and would pass on whatever the host itself inherited. Nothing is loaded before the first call, so that importing
 * this file does no harm on systems where it cannot work.
 */

const SYMBOLS = {
  chdir: { parameters: ["buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  // The same function twice, for either side in memory that is not an array.
  memcpyFrom: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "void" },
  memcpyTo: { name: "memcpy", parameters: ["pointer", "buffer", "usize"], result: "void" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "usize" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  posix_spawn: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  // glibc 2.34 and newer; elsewhere close-on-exec alone does the work.
  posix_spawn_file_actions_addclosefrom_np: { parameters: ["buffer", "i32"], result: "i32", optional: true },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  // The same variadic function twice: once for plain numbers, once with a structure at the second or third place.
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
  syscallBuffer1: { name: "syscall", parameters: ["i64", "buffer", "i64", "i64"], result: "i64" },
  syscallBuffer23: { name: "syscall", parameters: ["i64", "i64", "buffer", "buffer", "i64"], result: "i64" },
  syscallBuffer3: { name: "syscall", parameters: ["i64", "i64", "i64", "buffer", "i64"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const F_SETPIPE_SZ = 1031;
/** What a pipe holds if nobody said otherwise, less what may be in it. */
const PIPE_BYTES = 60 << 10;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const EINTR = 4;
const SYS_PIDFD_OPEN = 434;
const SYS_CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;
const POSIX_SPAWN_SETSID = 0x80;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;
/** Signal sets: the kernel's 64 signals stand in the first 8 bytes of libc's 128. */
const ALL_SIGNALS = new Uint8Array(128).fill(0xff, 0, 8);
const NO_SIGNAL = new Uint8Array(128);
/** More than glibc (80, 336 bytes) or musl need for their opaque structures. */
const OPAQUE_BYTES = 512;

/** `poll()` says: there is something to read, or the other side has hung up. */
export const POLL_IN = 1;

export const SIGNAL = { kill: 9, term: 15, cont: 18, stop: 19, winch: 28 } as const;

let loaded: Symbols | undefined;

/**
 * The library's functions, loaded at the first call.
 * @throws Error where there is no such library (Linux only)
 */
export function libc(): Symbols {
  return loaded ??= load();
}

function load(): Symbols {
  const system = Deno.build.os;
  if (system !== "linux") throw new Error(`Cannot load the C library: slots need Linux, this is "${system}"`);
  const musl = `libc.musl-${Deno.build.arch}.so.1`;
  let cause: unknown;
  for (const name of ["libc.so.6", musl]) {
    try {
      return Deno.dlopen(name, SYMBOLS).symbols;
    } catch (error) {
      cause ??= error;
    }
  }
  throw new Error(`Cannot load the C library: neither "libc.so.6" nor "${musl}" opens`, { cause });
}

/** Bytes of a text with the zero at its end that C wants. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** The calling thread's last error number; only right after a failed call. */
export function errno(): number {
  const at = libc().__errno_location();
  return at === null ? 0 : new Deno.UnsafePointerView(at).getInt32(0);
}

function check(result: number, action: string): number {
  if (result < 0) throw new Error(`Cannot ${action}: error number ${errno()}`);
  return result;
}

/** Marks every descriptor of this process from 3 up close-on-exec: no child inherits what this process itself inherited. */
export function closeOnExec(): void {
  const done = libc().syscall(BigInt(SYS_CLOSE_RANGE), 3n, 0xffff_ffffn, BigInt(CLOSE_RANGE_CLOEXEC), 0n, 0n);
  if (Number(done) === 0) return;
  // Kernels before 5.11 do not know the call.
  for (const entry of Deno.readDirSync("/proc/self/fd")) {
    if (Number(entry.name) > 2) libc().fcntl(Number(entry.name), 2, 1n);
  }
}

/** A pipe, both ends close-on-exec. @throws Error if there are no descriptors left */
export function pipe(): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  check(libc().pipe2(new Uint8Array(ends.buffer), O_CLOEXEC), "make a pipe");
  return { read: ends[0]!, write: ends[1]! };
}

/** From now on reads and writes of the descriptor return instead of waiting. */
export function setNonBlocking(fd: number): void {
  const flags = check(libc().fcntl(fd, 3, 0n), "read a descriptor's flags");
  check(libc().fcntl(fd, 4, BigInt(flags | O_NONBLOCK)), "set a descriptor's flags");
}

/** Makes room in a pipe for so many bytes, as far as the system lets us. */
export function growPipe(fd: number, bytes: number): void {
  if (bytes > PIPE_BYTES) libc().fcntl(fd, F_SETPIPE_SZ, BigInt(bytes));
}

/** The process's working directory, without asking for a permission. @throws Error if it cannot be entered */
export function changeFolder(path: string): void {
  check(libc().chdir(cString(path)), `enter the folder "${path}"`);
}

export function closeFd(fd: number): void {
  libc().close(fd);
}

/** Reads what is there into `into`: its number of bytes, 0 at the end of the stream, -1 if nothing is there now. */
export function readFd(fd: number, into: Uint8Array<ArrayBuffer>): number {
  return Number(libc().read(fd, into, BigInt(into.length)));
}

/** Writes, and returns how many bytes went, -1 if none. */
export function writeFd(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  return Number(libc().write(fd, bytes, BigInt(bytes.length)));
}

/**
 * Waits, blocking this thread, until one of the descriptors can be read or has ended.
 * @param timeoutMs milliseconds, -1 for no end
 * @returns how many are ready; 0 after the time or a signal
 */
export function pollFds(fds: readonly number[], timeoutMs: number): number {
  return Math.max(0, pollTable(fds, timeoutMs).count);
}

/** Which of the descriptors can be read now, or have ended. */
export function readyFds(fds: readonly number[]): boolean[] {
  const { table } = pollTable(fds, 0);
  return fds.map((_, i) => table[i * 4 + 3] !== 0);
}

/** The poll table as 16-bit words: descriptor (two), wanted, ready. */
function pollTable(fds: readonly number[], timeoutMs: number): { count: number; table: Int16Array } {
  const table = new Int16Array(fds.length * 4);
  const words = new Int32Array(table.buffer);
  for (let i = 0; i < fds.length; i++) {
    words[i * 2] = fds[i]!;
    table[i * 4 + 2] = POLL_IN;
  }
  const count = libc().poll(new Uint8Array(table.buffer), BigInt(fds.length), timeoutMs);
  return { count, table };
}

/** A descriptor that becomes readable when the process ends (and is reaped by its parent only). */
export function pidfdOpen(pid: number): number {
  const fd = Number(libc().syscall(BigInt(SYS_PIDFD_OPEN), BigInt(pid), 0n, 0n, 0n, 0n));
  return check(fd, `watch process ${pid}`);
}

/** Sends a signal; to the whole process group if `pid` is negative. False if there is no such process. */
export function kill(pid: number, signal: number): boolean {
  return libc().kill(pid, signal) === 0;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: number | null;
}

/** Reaps a child of this process. Undefined while it runs, or if it is no child of ours. */
export function waitpid(pid: number, how: "now" | "block" = "now"): ExitStatus | undefined {
  const status = new Int32Array(1);
  for (;;) {
    const reaped = libc().waitpid(pid, new Uint8Array(status.buffer), how === "now" ? 1 : 0);
    if (reaped === pid) return exitStatus(status[0]!);
    if (reaped === 0 || errno() !== EINTR) return undefined;
  }
}

function exitStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: null, signal };
}

/** Memory that two processes share: a nameless file of this process, mapped here. */
export interface SharedMemory {
  readonly fd: number;
  readonly buffer: ArrayBuffer;
  readonly pointer: Deno.PointerObject;
  readonly bytes: number;
}

/** Makes sparse shared memory; another process of the same user maps it as `/proc/<pid>/fd/<fd>`. */
export function createShared(bytes: number): SharedMemory {
  const fd = check(libc().memfd_create(cString("slot"), 1), "make shared memory");
  try {
    check(libc().ftruncate(fd, BigInt(bytes)), `make shared memory of ${bytes} bytes`);
    return { fd, ...mapShared(fd, bytes), bytes };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Opens and maps what another process shares; the descriptor is closed again. @throws Error if it is not there */
export function openShared(path: string, bytes: number): ArrayBuffer {
  const fd = check(libc().open(cString(path), 2 | O_CLOEXEC), "open the shared memory");
  try {
    return mapShared(fd, bytes).buffer;
  } finally {
    closeFd(fd);
  }
}

function mapShared(fd: number, bytes: number): { pointer: Deno.PointerObject; buffer: ArrayBuffer } {
  const pointer = libc().mmap(null, BigInt(bytes), 3, 1, fd, 0n);
  if (pointer === null || Deno.UnsafePointer.value(pointer) === 0xffff_ffff_ffff_ffffn) {
    throw new Error(`Cannot map ${bytes} bytes of shared memory: error number ${errno()}`);
  }
  return { pointer, buffer: Deno.UnsafePointerView.getArrayBuffer(pointer, bytes) };
}

/** Gives a part of the memory back to the system; it reads as zeros afterwards. */
export function punchHole(memory: SharedMemory, offset: number, bytes: number): void {
  libc().fallocate(memory.fd, FALLOC_PUNCH_HOLE_KEEP_SIZE, BigInt(offset), BigInt(bytes));
}

/** Unmaps and closes. No view of the memory may be touched afterwards: that would end this process. */
export function destroyShared(memory: SharedMemory): void {
  libc().munmap(memory.pointer, BigInt(memory.bytes));
  closeFd(memory.fd);
}

export interface SpawnOptions {
  readonly command: readonly string[];
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What becomes its descriptors 0, 1 and 2; it gets no others. */
  readonly stdio: readonly [number, number, number];
}

/**
 * Starts a program in a session and process group of its own and returns its process id. No signal is ignored or blocked in it, whatever this process
 * inherited: a shell starts what it puts into the background with SIGINT and SIGQUIT ignored.
 * @throws Error if it cannot be started
 */
export function spawn(options: SpawnOptions): number {
  const c = libc();
  const actions = new Uint8Array(OPAQUE_BYTES), attributes = new Uint8Array(OPAQUE_BYTES);
  const pid = new Int32Array(1);
  const argv = cVector(options.command);
  const envp = cVector(Object.entries(options.env).map(([name, value]) => `${name}=${value}`));
  c.posix_spawn_file_actions_init(actions);
  c.posix_spawnattr_init(attributes);
  c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  c.posix_spawnattr_setsigdefault(attributes, ALL_SIGNALS);
  c.posix_spawnattr_setsigmask(attributes, NO_SIGNAL);
  options.stdio.forEach((fd, index) => c.posix_spawn_file_actions_adddup2(actions, fd, index));
  c.posix_spawn_file_actions_addclosefrom_np?.(actions, 3);
  const program = cString(options.command[0] ?? "");
  const error = c.posix_spawn(
    new Uint8Array(pid.buffer),
    program,
    actions,
    attributes,
    argv.bytes,
    envp.bytes,
  );
  c.posix_spawn_file_actions_destroy(actions);
  c.posix_spawnattr_destroy(attributes);
  if (error !== 0) throw new Error(`Cannot start "${options.command[0]}": error number ${error}`);
  return pid[0]!;
}

/** A zero-ended array of pointers to texts; `keep` holds the texts until the call is over. */
function cVector(texts: readonly string[]): { bytes: Uint8Array<ArrayBuffer>; keep: Uint8Array[] } {
  const keep = texts.map(cString);
  const pointers = keep.map((text) => BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(text))));
  return { bytes: new Uint8Array(new BigUint64Array([...pointers, 0n]).buffer), keep };
}

/** Bytes of memory that a process uses now (resident, shared memory included), 0 if it is gone. */
export function residentBytes(pid: number): number {
  try {
    const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
    return Number.isFinite(pages) ? pages * PAGE_BYTES : 0;
  } catch {
    return 0;
  }
}

/** Of the systems that we run on; arm64 kernels with 64 KiB pages would show a sixteenth. */
const PAGE_BYTES = 4096;

const SIGXFSZ = 25;
const SIG_IGN = 1n;
const PR_SET_PDEATHSIG = 1;
const RLIMIT_FSIZE = 1;
const RLIMIT_CORE = 4;

/** From now on a write beyond the limit of file sizes fails instead of ending the process. */
export function ignoreFileSizeSignal(): void {
  libc().signal(SIGXFSZ, SIG_IGN);
}

/**
 * Makes the kernel kill this process when its parent ends; false if that has happened already. It follows the parent's *thread* that
 * started this process, so a host starts its children on its main thread.
 */
export function refuseToOutlive(parent: number): boolean {
  libc().prctl(PR_SET_PDEATHSIG, BigInt(SIGNAL.kill), 0n, 0n, 0n);
  return libc().getppid() === parent;
}

/** No core is dumped from here on, and no file written if `files` says so. */
export function limitResources(files: "no files" | "files"): void {
  const zero = new Uint8Array(16);
  if (files === "no files") libc().setrlimit(RLIMIT_FSIZE, zero);
  libc().setrlimit(RLIMIT_CORE, zero);
}

/** Rights of root that some grants need: others' files, their attributes, ports below 1024. */
export const CAPABILITY = { readAny: 2, overrideMode: 1, owner: 3, chown: 0, lowPorts: 10 } as const;
const CAPABILITY_VERSION = 0x2008_0522;

/** Gives up all of root's special rights but these, in this thread and those that it starts. Does nothing for others than root. */
export function dropCapabilities(keep: readonly number[]): void {
  const head = new Uint8Array(new Uint32Array([CAPABILITY_VERSION, 0]).buffer);
  const sets = new Uint32Array(6);
  if (libc().capget(head, new Uint8Array(sets.buffer)) !== 0) return;
  const mask = keep.reduce((bits, number) => bits | 1 << number, 0);
  // Effective, permitted and inheritable, the lower 32 of each, then the upper.
  for (let i = 0; i < 3; i++) sets[i] = sets[i]! & mask;
  sets.fill(0, 3);
  libc().capset(head, new Uint8Array(sets.buffer));
}
