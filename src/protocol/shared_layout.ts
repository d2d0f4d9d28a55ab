/**
 * How memory that a client shares with an engine is laid out, and how it is offered (PROTOCOL.md, "Shared memory").
 */
import { CHUNK_PIECE_BYTES } from "./groups.ts";

/** Places of pieces, each of CHUNK_PIECE_BYTES. */
export const SHARED_PLACES = { arguments: 128, results: 64 } as const;
export const SHARED_TOKEN_BYTES = 32;
/** Where the client counts the places of results that it is done with. */
export const SHARED_DONE_AT = 64;
export const SHARED_BYTES = CHUNK_PIECE_BYTES * (1 + SHARED_PLACES.arguments + SHARED_PLACES.results);

/** What a client says of its memory. */
export interface MemoryOffer {
  readonly pid: number;
  readonly fd: number;
  readonly tag: number;
  /** Hex. */
  readonly token: string;
}

export function sharedName(tag: number): string {
  return `tsparallel-${tag.toString(16).padStart(8, "0")}`;
}

export function argumentOffset(place: number): number {
  return CHUNK_PIECE_BYTES * (1 + place);
}

export function resultOffset(place: number): number {
  return CHUNK_PIECE_BYTES * (1 + SHARED_PLACES.arguments + place % SHARED_PLACES.results);
}

/** Reads an offer; undefined if it is none. */
export function readOffer(bytes: Uint8Array): MemoryOffer | undefined {
  const { pid, fd, tag, token } = fieldsOf(bytes);
  if (!isCount(pid) || !isCount(fd) || !isCount(tag) || tag > 0xffff_ffff) return undefined;
  if (typeof token !== "string" || !/^[0-9a-f]{64}$/.test(token)) return undefined;
  return { pid, fd, tag, token };
}

/** The tag of the memory that an engine has taken; undefined if it says none. */
export function readTaken(bytes: Uint8Array): number | undefined {
  const { tag } = fieldsOf(bytes);
  return isCount(tag) ? tag : undefined;
}

export function memoryJson(value: MemoryOffer | { readonly tag: number }): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function fieldsOf(bytes: Uint8Array): Partial<Record<keyof MemoryOffer, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
