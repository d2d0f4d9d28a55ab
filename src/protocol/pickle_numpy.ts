/**
 * numpy's arrays and scalars as they stand in pickles, made into typed arrays. Shapes, types and sizes are checked against the bytes that are
 * there; C and Fortran order and both byte orders are read; types that no typed array can hold are refused by name.
 */
import { type ArrayData, arrayValue, countOf, elementBytes, isBool, isSwapped, kindOf } from "./nd_array.ts";
import { asInteger } from "./pickle_cursor.ts";
import { badPickle } from "./pickle_error.ts";
import { OutOfBand, PickleRecord, PickleTuple } from "./pickle_graph.ts";
import { VIEW_CLASSES } from "./primordials.ts";

/** What an array is made of. */
export interface ArrayParts {
  readonly shape: unknown;
  readonly dtype: unknown;
  readonly bytes: unknown;
  readonly isFortran: boolean;
}

/** Counts what is copied: a pickle may name the same bytes again and again. */
export type Charge = (bytes: number) => void;

/** The array as a value. @throws PickleError if its parts do not fit or its type is none of ours */
export function readArray({ shape, dtype, bytes, isFortran }: ArrayParts, charge: Charge): unknown {
  const type = dtypeText(dtype), size = elementBytes(type), dimensions = dimensionsOf(shape);
  if (kindOf(type) < 0) {
    throw badPickle(`an array of numpy's type ${JSON.stringify(type)} cannot become a value`);
  }
  const source = bytes instanceof OutOfBand ? bytes.bytes : bytes;
  if (!(source instanceof Uint8Array)) throw badPickle("the bytes of an array are missing");
  const count = countOf(dimensions);
  if (count < 0 || count * size !== source.length) {
    throw badPickle(
      `an array of shape (${dimensions.slice(0, 9)}) and type ${type} with ${source.length} bytes`,
    );
  }
  const mayKeep = bytes instanceof OutOfBand && !isFortran && !isSwapped(type);
  const data = mayKeep ? asView(source, type, charge) : copied(source, type, charge);
  if (isSwapped(type)) swap(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), size);
  const ordered = isFortran && dimensions.length > 1 ? fromFortran(data, dimensions) : data;
  return arrayValue(ordered, dimensions, type);
}

/** A scalar as a number, BigInt or boolean. */
export function readScalar(dtype: unknown, bytes: unknown): number | bigint | boolean {
  const type = dtypeText(dtype);
  if (kindOf(type) < 0) {
    throw badPickle(`a number of numpy's type ${JSON.stringify(type)} cannot become a value`);
  }
  if (!(bytes instanceof Uint8Array) || bytes.length !== elementBytes(type)) {
    throw badPickle(`a number of numpy's type ${type} has other bytes than it needs`);
  }
  const data = copied(bytes, type, () => {});
  if (isSwapped(type)) swap(new Uint8Array(data.buffer), bytes.length);
  const value = data[0]!;
  if (isBool(type)) return value !== 0;
  return typeof value === "bigint" ? asInteger(value) : value;
}

function dimensionsOf(shape: unknown): readonly number[] {
  const items = shape instanceof PickleTuple ? shape.items : Array.isArray(shape) ? shape : [shape];
  if (countOf(items) < 0) throw badPickle("the shape of an array is none");
  return items as readonly number[];
}

/** A dtype in numpy's short spelling, whether it came as text or as an instance of `numpy.dtype`. */
function dtypeText(dtype: unknown): string {
  if (typeof dtype === "string") return dtype.slice(0, 100);
  if (!(dtype instanceof PickleRecord) || dtype.of !== "numpy.dtype") return "(structured)";
  const [name] = dtype.args;
  if (typeof name !== "string") return "(structured)";
  const order = dtype.state instanceof PickleTuple ? dtype.state.items[1] : "|";
  return (order === ">" ? ">" : "") + name.slice(0, 100);
}

type DataClass = new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayData;

function classOf(type: string): DataClass {
  return VIEW_CLASSES[kindOf(type)] as unknown as DataClass;
}

/** The bytes' own memory where it is aligned, else a copy. */
function asView(bytes: Uint8Array, type: string, charge: Charge): ArrayData {
  const size = elementBytes(type);
  if (bytes.byteOffset % size !== 0) return copied(bytes, type, charge);
  return new (classOf(type))(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / size);
}

function copied(bytes: Uint8Array, type: string, charge: Charge): ArrayData {
  charge(bytes.length);
  return new (classOf(type))(bytes.slice().buffer as ArrayBuffer);
}

function swap(bytes: Uint8Array, size: number): void {
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** The numbers in C order. `strides` say how far apart neighbours lie in the source. */
function fromFortran(source: ArrayData, shape: readonly number[]): ArrayData {
  const target = source.slice();
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, length) => product * length, 1)
  );
  const index = new Array<number>(shape.length).fill(0);
  for (let to = 0, from = 0; to < target.length; to++) {
    target[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}
