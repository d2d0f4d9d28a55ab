/**
 * Buffers that are handed over with a call: what was coded as a view of one becomes a view of the same memory under another name, and the caller's is detached.
 */

/** @throws TypeError if one of them cannot be transferred */
export function checkTransfer(list: readonly ArrayBuffer[]): void {
  const seen = new Set<unknown>();
  for (const buffer of list as readonly unknown[]) {
    const name = Object.prototype.toString.call(buffer).slice(8, -1);
    if (!(buffer instanceof ArrayBuffer)) {
      throw new TypeError(
        `Cannot transfer a value of type ${name}: only an ArrayBuffer (of a typed array, its "buffer")`,
      );
    }
    if (seen.has(buffer)) throw new TypeError("Cannot transfer a buffer twice in one call");
    if (buffer.detached) {
      throw new TypeError("Cannot transfer a buffer that is detached: it was transferred before");
    }
    seen.add(buffer);
  }
}

/** The coded task with the buffers taken over. Call it once all is known to be right: they are detached now. */
export function takenOver<T extends { readonly buffers: readonly Uint8Array[] }>(
  coded: T,
  list: readonly ArrayBuffer[] | undefined,
): T {
  if (list === undefined || list.length === 0) return coded;
  // Where a view lay has to be known before its buffer is detached.
  const places = coded.buffers.map(({ buffer, byteOffset, byteLength }) => ({
    buffer,
    byteOffset,
    byteLength,
  }));
  const taken = new Map<ArrayBufferLike, ArrayBuffer>();
  for (const buffer of list) taken.set(buffer, buffer.transfer());
  const buffers = coded.buffers.map((bytes, i) => {
    const { buffer, byteOffset, byteLength } = places[i]!;
    const own = taken.get(buffer);
    return own === undefined ? bytes : new Uint8Array(own, byteOffset, byteLength);
  });
  return { ...coded, buffers };
}
