/**
 * Cutting arrays into parts and joining them again: like-sized runs, the first ones longer by one where it does not divide.
 */

/** The typed arrays that can be scattered. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** What `scatter` takes and `gather` gives. */
export type Scatterable = readonly unknown[] | TypedArray;

/** How elements are dealt out: in runs of neighbours (default), or one by one in turn. */
export type Distribution = "block" | "cyclic";

/**
 * How the elements are dealt out, checked.
 * @throws TypeError for a word that is none
 */
export function distOf(dist: Distribution = "block"): Distribution {
  if (dist === "block" || dist === "cyclic") return dist;
  throw new TypeError(`Cannot use "${String(dist)}" for "dist": it takes "block" or "cyclic"`);
}

/** Parts of every count-th element: the first part begins with the first, and so on. */
export function cyclicParts(array: Scatterable, count: number, flatten: boolean): unknown[] {
  return Array.from({ length: count }, (_, i) => {
    const part = isTyped(array)
      ? (array as Uint8Array).filter((_, at) => at % count === i)
      : array.filter((_, at) => at % count === i);
    return flatten && part.length === 1 ? part[0] : part;
  });
}

/** Puts parts that were dealt out one by one together again: typed arrays of one kind into one of that kind. */
export function joinCyclic(parts: readonly unknown[]): Scatterable {
  const whole = joinParts(parts);
  const lists = parts.map(elementsOf);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const mixed: unknown[] = [];
  for (let at = 0; at < longest; at++) {
    for (const list of lists) if (at < list.length) mixed.push(list[at]);
  }
  if (!isTyped(whole)) return mixed;
  for (let at = 0; at < mixed.length; at++) whole[at] = mixed[at] as number & bigint;
  return whole;
}

/** Parts in order; views of a typed array, not copies. */
export function partsFor(array: Scatterable, count: number, flatten: boolean): unknown[] {
  const size = Math.floor(array.length / count);
  const longer = array.length % count;
  const parts: unknown[] = [];
  for (let i = 0, from = 0; i < count; i++) {
    const to = from + size + (i < longer ? 1 : 0);
    const part: Scatterable = isTyped(array) ? array.subarray(from, to) : array.slice(from, to);
    parts.push(flatten && part.length === 1 ? part[0] : part);
    from = to;
  }
  return parts;
}

/** Joins parts: typed arrays of one kind into one of that kind, everything else into an array. */
export function joinParts(parts: readonly unknown[]): Scatterable {
  const typed = parts.filter(isTyped);
  const [first] = typed;
  const isUniform = first !== undefined && typed.length === parts.length &&
    typed.every((part) => part.constructor === first.constructor);
  return isUniform ? joinTyped(first, typed) : parts.flatMap(elementsOf);
}

function joinTyped(first: TypedArray, parts: readonly TypedArray[]): TypedArray {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    whole.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  const type = first.constructor as new (buffer: ArrayBuffer) => TypedArray;
  return new type(whole.buffer);
}

function elementsOf(part: unknown): readonly unknown[] {
  return Array.isArray(part) ? part : isTyped(part) ? Array.from<unknown>(part) : [part];
}

function isTyped(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
