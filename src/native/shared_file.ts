/**
 * A nameless file in memory that another process of the same user opens as `/proc/<pid>/fd/<fd>`, mapped by both. Its size is sealed, so no page of the mapping can
 * go away under a copy. Whatever the other side does to it ends in other bytes: each of them is copied once, and only the copy is looked at. No array lies over the
 * mapping, which is gone with `close`. The file is gone when the last descriptor is.
 */
import { closeFd, cString, libc } from "./libc.ts";

const MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033, F_GET_SEALS = 1034;
/** Against more seals, and against any change of the size. */
const SEALS = 1 | 2 | 4;
const OPEN_FLAGS = 2 | 0o4000 | 0o2000000;
const SEEK_END = 2;
const PUNCH_HOLE_KEEP_SIZE = 3;
const PROT_READ_WRITE = 3, MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const TMPFS_MAGIC = 0x0102_1994;
const MADV_POPULATE_WRITE = 23;
const PAGE = 4096n;
/** Less than this is a count or a token: by system call, which nothing is reordered around. */
const MAPPED_FROM = 4096;

export class SharedFile {
  readonly fd: number;
  readonly #bytes: number;
  /** Null once it is closed. */
  #memory: Deno.PointerObject | null;

  private constructor(fd: number, bytes: number, memory: Deno.PointerObject) {
    this.fd = fd;
    this.#bytes = bytes;
    this.#memory = memory;
  }

  /** Takes over a descriptor of that size; null, and it is closed, if it cannot be mapped. */
  static #map(fd: number, bytes: number): SharedFile | null {
    const memory = libc().mmap(null, BigInt(bytes), PROT_READ_WRITE, MAP_SHARED, fd, 0n);
    if (memory !== null && Deno.UnsafePointer.value(memory) !== MAP_FAILED) {
      return new SharedFile(fd, bytes, memory);
    }
    closeFd(fd);
    return null;
  }

  /** Makes one, sparse. @throws Error where the system has none */
  static create(name: string, bytes: number): SharedFile {
    const c = libc();
    const fd = c.memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) throw new Error("Cannot make a file in memory");
    if (c.ftruncate(fd, BigInt(bytes)) === 0 && c.fcntl(fd, F_ADD_SEALS, BigInt(SEALS)) === 0) {
      const file = SharedFile.#map(fd, bytes);
      if (file !== null) return file;
    } else closeFd(fd);
    throw new Error(`Cannot make a file of ${bytes} bytes in memory`);
  }

  /** Whether a process has such a file under that name: looked at without opening it. */
  static isThere({ pid, fd, name }: Place): boolean {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${fd}`) === `/memfd:${name} (deleted)`;
    } catch {
      return false;
    }
  }

  /** Opens another process's, of this name and size; null if there is none, it may not be opened, or its size could change. */
  static open(place: Place, bytes: number): SharedFile | null {
    if (!SharedFile.isThere(place)) return null;
    const c = libc();
    const fd = c.open(cString(`/proc/${place.pid}/fd/${place.fd}`), OPEN_FLAGS);
    if (fd < 0) return null;
    const isSealed = (c.fcntl(fd, F_GET_SEALS, 0n) & SEALS) === SEALS;
    if (isSealed && isOrdinary(fd) && Number(c.lseek(fd, 0n, SEEK_END)) === bytes) {
      return SharedFile.#map(fd, bytes);
    }
    closeFd(fd);
    return null;
  }

  /** Fills the array from there; false if that cannot be done. */
  read(offset: number, into: Uint8Array<ArrayBuffer>): boolean {
    const { length } = into, memory = this.#memory;
    if (memory === null || !this.#has(offset, length)) return false;
    if (length < MAPPED_FROM) return moves(libc().pread(this.fd, into, BigInt(length), BigInt(offset)), into);
    libc().memcpyFrom(into, Deno.UnsafePointer.offset(memory, offset), BigInt(length));
    return true;
  }

  /** Writes all bytes there; false if that cannot be done. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): boolean {
    const { length } = bytes, memory = this.#memory;
    if (memory === null || !this.#has(offset, length)) return false;
    if (length < MAPPED_FROM) {
      return moves(libc().pwrite(this.fd, bytes, BigInt(length), BigInt(offset)), bytes);
    }
    libc().memcpyTo(Deno.UnsafePointer.offset(memory, offset), bytes, BigInt(length));
    return true;
  }

  #has(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.#bytes;
  }

  /** Gives a part back to the system; it reads as zeros afterwards. */
  punch(offset: number, bytes: number): void {
    if (this.#memory !== null) libc().fallocate(this.fd, PUNCH_HOLE_KEEP_SIZE, BigInt(offset), BigInt(bytes));
  }

  /** Harmless twice. */
  close(): void {
    if (this.#memory === null) return;
    libc().munmap(this.#memory, BigInt(this.#bytes));
    this.#memory = null;
    closeFd(this.fd);
  }
}

/** Where another process has a file. */
export interface Place {
  readonly pid: number;
  readonly fd: number;
  readonly name: string;
}

function moves(count: number | bigint, { length }: Uint8Array): boolean {
  return Number(count) === length;
}

/** Whether it lies in ordinary pages: of large ones there may be none left when one is touched, which would end the process. */
function isOrdinary(fd: number): boolean {
  const about = new BigInt64Array(32);
  return libc().fstatfs(fd, new Uint8Array(about.buffer)) === 0 && Number(about[0]) === TMPFS_MAGIC;
}

/**
 * Has the system give the pages of a new array at once, which takes two thirds of the time of as many faults. Does nothing where it is not known (before Linux 5.14)
 * or the pages are there.
 */
export function populate(array: Uint8Array<ArrayBuffer>): void {
  const begin = Deno.UnsafePointer.value(Deno.UnsafePointer.of(array));
  const from = (BigInt(begin) + PAGE - 1n) / PAGE * PAGE,
    to = (BigInt(begin) + BigInt(array.length)) / PAGE * PAGE;
  if (to > from) libc().madvise(Deno.UnsafePointer.create(from), to - from, MADV_POPULATE_WRITE);
}
