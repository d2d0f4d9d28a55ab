/**
 * Arrays for large values that arrive. The system gives memory out page by page at the first touch, which costs several times what the copy into it does; fewer,
 * larger pages cost less.
 */
import { adviseLargePages } from "../native/malloc.ts";

/** Below this there is nothing to gain. */
const LARGE_BYTES = 4 << 20;

/**
 * An array of zeros.
 * @throws RangeError if there is no memory
 */
export function largeArray(bytes: number): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(bytes);
  if (bytes >= LARGE_BYTES) adviseLargePages(array);
  return array;
}
