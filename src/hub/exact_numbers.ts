/** Numbers of records as Python compares them: exactly, however long they are. */

/** A number of JSON: a whole one beyond 2^53 is a bigint. */
export function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Negative, 0 or positive, by Python's `==`, `<` and `>`, which are exact; NaN beside NaN. */
export function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [one, other] = [whole(a), whole(b)];
  return one < other ? -1 : one > other ? 1 : one == other ? 0 : NaN;
}

/** A fraction's type that holds a whole number beyond 2^53 stands for the digits that are written of it: a store that keeps text cannot tell them apart. */
function whole(value: number | bigint): number | bigint {
  if (typeof value === "bigint" || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  return Math.abs(value) < 1e21 ? BigInt(String(value)) : BigInt(value);
}

/** Python's `%`: the remainder has the sign of the divisor. */
export function modulo(value: number | bigint, divisor: number | bigint): number | bigint {
  const [a, b] = [whole(value), whole(divisor)];
  if (typeof a === "bigint" || typeof b === "bigint") {
    if (!isWhole(a) || !isWhole(b)) return NaN;
    return ((BigInt(a) % BigInt(b)) + BigInt(b)) % BigInt(b);
  }
  return ((a % b) + b) % b;
}

function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isInteger(value);
}
