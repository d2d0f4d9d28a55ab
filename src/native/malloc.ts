/**
 * How this process's memory for large things is got and given back. Pieces of large buffers come and go at a gigabyte per second: memory that glibc gives back to
 * the system after each one, and gets anew for the next, costs ten times what copying the piece does (a fault and 4 KiB of zeros for each page).
 *
 * Where there is no glibc, or no such call, nothing is done: it is only slower.
 */

const SYMBOLS = {
  mallopt: { parameters: ["i32", "i32"], result: "i32" },
  malloc_trim: { parameters: ["usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/** Larger blocks are given back to the system when they are freed, smaller ones as far as more than so many bytes are free at an end. */
const BLOCK_BYTES = 4 << 20;
const KEPT_BYTES = 64 << 20;

let loaded: Symbols | null | undefined;

function symbols(): Symbols | null {
  if (loaded !== undefined) return loaded;
  try {
    loaded = Deno.build.os === "linux" ? Deno.dlopen("libc.so.6", SYMBOLS).symbols : null;
    loaded?.mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES);
    loaded?.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
  } catch {
    loaded = null;
  }
  return loaded;
}

/** From now on some freed memory stays with this process, for the next piece; `giveBackMemory` gives it back. Harmless twice. */
export function keepFreedMemory(): void {
  symbols();
}

/** Gives what is free back to the system: for a process that moved much and has nothing to do now. */
export function giveBackMemory(): void {
  symbols()?.malloc_trim(0n);
}
