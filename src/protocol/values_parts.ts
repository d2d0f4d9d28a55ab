/**
 * Small questions of the writer of values: what a container holds, and which keys it may take.
 */
import {
  DATA_VIEW,
  dataViewBuffer,
  dataViewByteLength,
  dataViewOffset,
  hasOwn,
  keys,
  mapForEach,
  setForEach,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  VIEW_NAMES,
} from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";
import { hasMoreBits, put } from "./values_error.ts";
import { MAX_BIGINT_DIGITS } from "./values_tags.ts";

const BIGINT_BITS = BigInt(MAX_BIGINT_DIGITS * 4);

/** Keys and values of a Map, by turns. */
export function mapParts(map: object): unknown[] {
  const parts: unknown[] = [];
  mapForEach(map, (value, key) => {
    put(parts, key);
    put(parts, value);
  });
  return parts;
}

/** Values of a Set. */
export function setParts(set: object): unknown[] {
  const parts: unknown[] = [];
  setForEach(set, (value) => put(parts, value));
  return parts;
}

/** What a view is a view of. Its class is named by its place in VIEW_NAMES. */
interface ViewParts {
  readonly kind: number;
  readonly buffer: ArrayBuffer;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

/** Takes a view apart by its insides. */
export function viewParts(view: object): ViewParts {
  const name = typedArrayName(view);
  if (name === undefined) {
    return {
      kind: DATA_VIEW,
      buffer: dataViewBuffer(view),
      offset: dataViewOffset(view),
      length: dataViewByteLength(view),
    };
  }
  const kind = indexOf(VIEW_NAMES, name);
  if (kind < 0) throw new Refusal(`a ${name}`);
  return {
    kind,
    buffer: typedArrayBuffer(view),
    offset: typedArrayOffset(view),
    length: typedArrayByteLength(view),
  };
}

/** Longest array that is walked item by item: the runtime's own have no more, so only what is none can claim it. */
export const MAX_ITEMS = 2 ** 27;
/** Arrays of at least this length are looked at for being mostly holes. */
const MAYBE_SPARSE = 4096;

/** An array's length, asked once: a Proxy of an array may answer anything. */
export function lengthOf(array: readonly unknown[]): number {
  const length: unknown = array.length;
  if (typeof length === "number" && length >= 0 && length <= 2 ** 32 - 1 && length % 1 === 0) return length;
  throw new Refusal("an array whose length is no length");
}

/** The indexes of what is in a long array that is mostly holes; undefined if it is not such a one. */
export function sparseIndexes(array: readonly unknown[], length: number): readonly string[] | undefined {
  if (length < MAYBE_SPARSE) return undefined;
  if (hasOwn(array, length >>> 1) && hasOwn(array, length >>> 2) && hasOwn(array, length - 2)) {
    return undefined;
  }
  const names = keys(array), indexes: string[] = [];
  for (let i = 0; i < names.length && isIndex(names[i] as string, length); i++) {
    put(indexes, names[i] as string);
  }
  return indexes.length * 2 > length ? undefined : indexes;
}

/** Refuses a BigInt of more bits, without writing it out. */
export function checkBigInt(value: bigint): void {
  if (hasMoreBits(value, BIGINT_BITS)) throw new Refusal("a BigInt of too many digits");
}

/** Whether a key is an array's index; they come first among its keys. */
function isIndex(name: string, length: number): boolean {
  const index = +name;
  return index >= 0 && index < length && `${index}` === name && index % 1 === 0;
}

/** Keys of an error that are written apart. */
export function isErrorOwn(name: string): boolean {
  return name === "cause" || name === "errors" || name === "name" || name === "message" || name === "stack";
}

function indexOf(list: readonly string[], text: string): number {
  for (let i = 0; i < list.length; i++) if (list[i] === text) return i;
  return -1;
}
