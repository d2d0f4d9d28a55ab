/** What a record of a group holds, as the stores keep it. */

/** Where the body of a record lies in its frame; the JSON of its tail is the end of it. */
interface Span {
  readonly bodyOffset: number;
  readonly bodyLength: number;
  readonly tailLength: number;
}

const NO_TAIL = new Uint8Array(0);

/** The value in the body, and the tail (empty if there is none), as views of the frame. */
export function partsOf(
  frame: Uint8Array,
  span: Span,
): { readonly body: Uint8Array; readonly tail: Uint8Array } {
  const end = span.bodyOffset + span.bodyLength, bodyEnd = end - span.tailLength;
  if (span.tailLength === 0) return { body: frame.subarray(span.bodyOffset, bodyEnd), tail: NO_TAIL };
  return { body: frame.subarray(span.bodyOffset, bodyEnd), tail: frame.subarray(bodyEnd, end) };
}
