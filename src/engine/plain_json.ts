/**
 * What came out of a slot as something that every packer of messages takes. A slot's values may share their parts, be sparse, hold themselves
 * or BigInts: a few bytes that would be gigabytes of JSON, or an exception. Here they are copied, and counted while they are.
 */
import { hasMoreBits } from "../protocol/values_error.ts";

/** Values and characters of one message. */
const MAX_PARTS = 16 << 20;
const MAX_DEPTH = 500;
const MAX_BITS = 65_536n;

/** Why something cannot be a message. */
export class NotPlain extends Error {}

/**
 * A copy of plain data: BigInts become text, dates ISO text, and what JSON knows nothing of an empty object.
 * @throws NotPlain for what is too large or holds itself
 */
export function plainJson(value: unknown): unknown {
  return new Copier().copy(value, 0);
}

/** An object of media types, or one text that says why there is none. */
export function plainBundle(data: object): object {
  try {
    return plainJson(data) as object;
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    return { "text/plain": `(cannot be shown: ${error.message})` };
  }
}

class Copier {
  #left = MAX_PARTS;

  copy(value: unknown, depth: number): unknown {
    this.#count(1);
    if (typeof value === "string") this.#count(value.length);
    if (typeof value === "bigint") return this.#bigint(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth >= MAX_DEPTH) throw new NotPlain("it holds itself, or is nested too deep");
    if (Array.isArray(value)) return this.#list(value, depth + 1);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (ArrayBuffer.isView(value)) return {};
    return this.#object(value, depth + 1);
  }

  #count(parts: number): void {
    this.#left -= parts;
    if (this.#left < 0) throw new NotPlain("it is too large for a message");
  }

  #bigint(value: bigint): string {
    if (hasMoreBits(value, MAX_BITS)) throw new NotPlain("a BigInt is too large for a message");
    return String(value);
  }

  #list(list: readonly unknown[], depth: number): unknown[] {
    this.#count(list.length);
    const copy: unknown[] = [];
    for (let i = 0; i < list.length; i++) copy.push(list[i] === undefined ? null : this.copy(list[i], depth));
    return copy;
  }

  #object(object: object, depth: number): object {
    const entries: [string, unknown][] = [];
    for (const [name, member] of Object.entries(object)) {
      this.#count(name.length);
      if (member !== undefined) entries.push([name, this.copy(member, depth)]);
    }
    return Object.fromEntries(entries);
  }
}
