/**
 * Memory beside the sockets, for a party on the same host: the client gets it handed in like its sockets.
 */
import { isGranted } from "../base/runtime.ts";
import { populate, SharedFile } from "../native/shared_file.ts";

/** Arrays from this size have their pages made at once. */
const POPULATED_FROM = 256 << 10;

/** See `client/transport.ts`. */
export interface OwnMemory {
  readonly pid: number;
  readonly fd: number;
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): boolean;
  read(offset: number, into: Uint8Array<ArrayBuffer>): boolean;
  punch(offset: number, bytes: number): void;
  later(ms: number, action: () => void): () => void;
  close(): void;
}

/** Makes a file in memory; null where the system has none. @param onClose called when it is closed */
export function makeMemory(
  name: string,
  bytes: number,
  onClose: (memory: OwnMemory) => void,
): OwnMemory | null {
  // Everything at once: a grant of single files cannot name the C library.
  if (Deno.build.os !== "linux" || !isGranted({ name: "ffi" })) return null;
  try {
    const file = SharedFile.create(name, bytes);
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const memory: OwnMemory = {
      pid: Deno.pid,
      fd: file.fd,
      write: (offset, bytes) => file.write(offset, bytes),
      read: (offset, into) => {
        // Results are read into new arrays, whose pages are not there yet.
        if (into.length >= POPULATED_FROM) populate(into);
        return file.read(offset, into);
      },
      punch: (offset, bytes) => file.punch(offset, bytes),
      later: (ms, action) => {
        const timer = setTimeout(() => {
          timers.delete(timer);
          action();
        }, ms);
        timers.add(timer);
        Deno.unrefTimer(Number(timer));
        return () => {
          timers.delete(timer);
          clearTimeout(timer);
        };
      },
      close: () => {
        for (const timer of timers) clearTimeout(timer);
        file.close();
        onClose(memory);
      },
    };
    return memory;
  } catch {
    return null;
  }
}
