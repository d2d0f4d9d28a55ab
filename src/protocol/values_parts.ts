/**
 * Small questions of the writer of values: what a container holds, and which keys it may take.
 */
import {
  DATA_VIEW,
  dataViewBuffer,
  dataViewByteLength,
  dataViewOffset,
  mapForEach,
  setForEach,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  VIEW_NAMES,
} from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";
import { put } from "./values_error.ts";

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

/** Whether a key is an array's index; they come first among its keys. */
export function isIndex(name: string, length: number): boolean {
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
