/**
 * A nameless file in memory that another process of the same user opens as `/proc/<pid>/fd/<fd>`: read and written at offsets, never mapped, so that whatever the
 * other side does to it ends in bytes or in a short count. Its size is sealed. It is gone when the last descriptor is.
 */
import { closeFd, cString, libc } from "./libc.ts";

const MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033, F_GET_SEALS = 1034;
/** Against more seals, and against any change of the size. */
const SEALS = 1 | 2 | 4;
const OPEN_FLAGS = 2 | 0o4000 | 0o2000000;
const SEEK_END = 2;
const PUNCH_HOLE_KEEP_SIZE = 3;

export class SharedFile {
  readonly fd: number;
  #isOpen = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Makes one, sparse. @throws Error where the system has none */
  static create(name: string, bytes: number): SharedFile {
    const c = libc();
    const fd = c.memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) throw new Error("Cannot make a file in memory");
    if (c.ftruncate(fd, BigInt(bytes)) === 0 && c.fcntl(fd, F_ADD_SEALS, BigInt(SEALS)) === 0) {
      return new SharedFile(fd);
    }
    closeFd(fd);
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
    if (isSealed && Number(c.lseek(fd, 0n, SEEK_END)) === bytes) return new SharedFile(fd);
    closeFd(fd);
    return null;
  }

  /** Fills the array from there; false if that cannot be done. */
  read(offset: number, into: Uint8Array<ArrayBuffer>): boolean {
    return this.#isOpen && moves(libc().pread(this.fd, into, BigInt(into.length), BigInt(offset)), into);
  }

  /** Writes all bytes there; false if that cannot be done. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): boolean {
    return this.#isOpen && moves(libc().pwrite(this.fd, bytes, BigInt(bytes.length), BigInt(offset)), bytes);
  }

  /** Gives a part back to the system; it reads as zeros afterwards. */
  punch(offset: number, bytes: number): void {
    if (this.#isOpen) libc().fallocate(this.fd, PUNCH_HOLE_KEEP_SIZE, BigInt(offset), BigInt(bytes));
  }

  /** Harmless twice. */
  close(): void {
    if (this.#isOpen) closeFd(this.fd);
    this.#isOpen = false;
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
