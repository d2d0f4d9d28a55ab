/**
 * numpy's arrays as values of ours. An array of one dimension whose numbers a typed array can hold unmistakably *is* that typed array; the
 * others are an `NdArray`, a plain object, so that the codec carries it as it is:
 *
 *     float32, float64, int8, int16, int32, int64, uint16, uint32, uint64 (and float16), one dimension   typed array
 *     the same with other dimensions, none included; uint8 and bool with any                            NdArray
 *
 * (A Uint8Array is Python's bytes, so uint8 arrays are NdArrays.) `data` is in C order; bool is a Uint8Array of 0 and 1.
 */
import { DATA_VIEW, typedArrayName, VIEW_CLASSES, VIEW_ELEMENT_BYTES, VIEW_NAMES } from "./primordials.ts";

/** Every typed array that numpy has a counterpart of. */
export type ArrayData =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** An array of any number of dimensions. */
export interface NdArray {
  readonly shape: readonly number[];
  /** As numpy writes it: "<f8", "|b1". */
  readonly dtype: string;
  /** Its numbers in C order, the last index fastest. */
  readonly data: ArrayData;
}

/** numpy's name for what each class of views holds, in the order of VIEW_NAMES. */
const DTYPES = ["|u1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<f8", "<i8", "<u8", "<f2"] as const;
const BOOL = "|b1";
const MAX_DIMENSIONS = 64;

/** numpy's name for what a class of views holds, by its place in VIEW_NAMES. */
export function dtypeOf(kind: number): string {
  return DTYPES[kind] ?? "|u1";
}

/** Whether a class of views is Python's bytes. */
export function isBytesKind(kind: number): boolean {
  return kind === 0 || kind === DATA_VIEW;
}

/** The class of views for a dtype, as a place in VIEW_NAMES; -1 if there is none. Byte order does not matter here. */
export function kindOf(dtype: string): number {
  const type = dtype.replace(/^[<>=|]/, "");
  if (type === "b1" || type === "?") return 0;
  const kind = DTYPES.findIndex((own) => own.slice(1) === type);
  return kind >= 0 && VIEW_CLASSES[kind] !== undefined ? kind : -1;
}

/** Whether its bytes are of the other order than ours. */
export function isSwapped(dtype: string): boolean {
  return dtype.startsWith(">");
}

/** The typed array itself, or what says more than it could. */
export function arrayValue(data: ArrayData, shape: readonly number[], dtype: string): ArrayData | NdArray {
  const kind = kindOf(dtype);
  if (shape.length === 1 && kind > 1) return data;
  return { shape: [...shape], dtype: isBool(dtype) ? BOOL : dtypeOf(kind), data };
}

export function isBool(dtype: string): boolean {
  return /^[<>=|]?(b1|\?)$/.test(dtype);
}

/** How many numbers an array of this shape has; -1 if it is no shape. */
export function countOf(shape: readonly unknown[]): number {
  if (shape.length > MAX_DIMENSIONS) return -1;
  let count = 1;
  for (const length of shape) {
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) return -1;
    count *= length;
  }
  return Number.isSafeInteger(count) ? count : -1;
}

/** The parts of an NdArray, if a value is one: these three members and no others, and they fit. */
export function asNdArray(value: Readonly<Record<string, unknown>>): NdArray | undefined {
  const names = Object.keys(value);
  if (names.length !== 3) return undefined;
  const { shape, dtype, data } = value;
  if (typeof dtype !== "string" || !Array.isArray(shape)) return undefined;
  const kind = kindOf(dtype), own = VIEW_NAMES.indexOf(typedArrayName(data) ?? "");
  if (kind < 0 || isSwapped(dtype) || own < 0 || dtypeOf(kind) !== dtypeOf(own)) return undefined;
  const array = data as ArrayData;
  if (countOf(shape) !== array.length) return undefined;
  return { shape: shape as number[], dtype: isBool(dtype) ? BOOL : dtypeOf(kind), data: array };
}

/** Bytes of one number. */
export function elementBytes(dtype: string): number {
  return VIEW_ELEMENT_BYTES[kindOf(dtype)] ?? 0;
}
