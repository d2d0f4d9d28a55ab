/**
 * Results of several Python engines as one: a pickle that gives the list of them. A client that asks the hub for a coalesced result takes exactly one object per msg_id
 * out of the reply's buffers; several would be taken for the results of other msg_ids.
 *
 * Nothing is read here: each engine's buffers become bytes inside, and the pickle has ipyparallel's own function, which any client calls on buffers, read them.
 */

const encoder = new TextEncoder();

const PROTO_2 = Uint8Array.of(0x80, 2);
const EMPTY_LIST = Uint8Array.of(0x5d);
const MARK = Uint8Array.of(0x28);
const APPENDS = Uint8Array.of(0x65);
/** Calls with the one argument that lies on top. */
const CALL = Uint8Array.of(0x85, 0x52);
const STOP = Uint8Array.of(0x2e);
/** `operator.itemgetter(0)`: the function gives the object and what is left of the buffers. */
const FIRST = joined([encoder.encode("coperator\nitemgetter\nK\0"), CALL]);
const DESERIALIZE = encoder.encode("cipyparallel.serialize\ndeserialize_object\n");
const BINBYTES = 0x42;

/** @param results each engine's buffers */
export function joinedPickle(results: readonly (readonly Uint8Array[])[]): Uint8Array {
  const items = results.flatMap((buffers) => [
    FIRST,
    DESERIALIZE,
    EMPTY_LIST,
    MARK,
    ...buffers.flatMap((bytes) => [binBytes(bytes.length), bytes]),
    APPENDS,
    CALL,
    CALL,
  ]);
  return joined([PROTO_2, EMPTY_LIST, MARK, ...items, APPENDS, STOP]);
}

function binBytes(length: number): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = BINBYTES;
  new DataView(head.buffer).setUint32(1, length, true);
  return head;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
