/**
 * How this process's memory for large things is got and given back. Pieces of large buffers come and go at a gigabyte per second: memory that glibc gives back to
 * the system after each one, and gets anew for the next, costs ten times what copying the piece does (a fault and 4 KiB of zeros for each page).
 *
 * The two functions are the C library's, as libzmq sees it. Where it has none such, nothing is done: it is only slower.
 */
import type { LibZmq } from "./libzmq.ts";

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/** Larger blocks are given back to the system when they are freed, smaller ones as far as more than so many bytes are free at an end. */
const BLOCK_BYTES = 4 << 20;
const KEPT_BYTES = 64 << 20;

/** From now on some freed memory stays with this process, for the next piece; `giveBackMemory` gives it back. Harmless twice. */
export function keepFreedMemory({ mallopt }: LibZmq): void {
  mallopt?.(M_MMAP_THRESHOLD, BLOCK_BYTES);
  mallopt?.(M_TRIM_THRESHOLD, KEPT_BYTES);
}

/** Gives what is free back to the system: for a process that moved much and has nothing to do now. */
export function giveBackMemory({ malloc_trim: trim }: LibZmq): void {
  trim?.(0n);
}
