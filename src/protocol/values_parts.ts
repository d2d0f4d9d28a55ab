/**
 * Small questions of the writer of values: what a container holds, and which keys it may take.
 */
import { mapForEach, setForEach } from "./primordials.ts";
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

/** Whether a key is an array's index; they come first among its keys. */
export function isIndex(name: string, length: number): boolean {
  const index = +name;
  return index >= 0 && index < length && `${index}` === name && index % 1 === 0;
}

/** Keys of an error that are written apart. */
export function isErrorOwn(name: string): boolean {
  return name === "cause" || name === "errors" || name === "name" || name === "message" || name === "stack";
}

/** The place of a text in a list, or −1. */
export function indexOf(list: readonly string[], text: string): number {
  for (let i = 0; i < list.length; i++) if (list[i] === text) return i;
  return -1;
}
