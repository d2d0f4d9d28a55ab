/**
 * A put value travels buffer by buffer, each in pieces, all in order (PROTOCOL.md, "Kept values").
 */

/** A piece of one of its buffers. */
interface ValuePiece {
  readonly index: number;
  readonly offset: number;
  /** Bytes of the whole buffer. */
  readonly total: number;
  readonly bytes: { readonly length: number };
}

/** Whether a piece is the next one of a value of which these pieces are there. */
export function isNextPiece(
  { buffers, pieces }: { readonly buffers: number; readonly pieces: readonly ValuePiece[] },
  { index, offset, total, bytes }: ValuePiece,
): boolean {
  if (index >= buffers || bytes.length === 0 || offset + bytes.length > total) return false;
  const last = pieces.at(-1);
  if (last === undefined) return index === 0 && offset === 0;
  const end = last.offset + last.bytes.length;
  if (offset > 0) return index === last.index && total === last.total && offset === end;
  return index === last.index + 1 && end === last.total;
}
