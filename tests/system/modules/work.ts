/** A module that tests send to engines. */
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { parse } from "jsonc-parser";
import * as v from "valibot";
import settings from "./settings.json" with { type: "json" };
import { deep, type Depth } from "./deep.ts";

export const LIMIT = 3;

/** Counts for how many calls this very module has been there. */
let calls = 0;

export function render(times: number, text: string): string {
  return path.join(settings.folder, deep(times, { text }));
}

export default async function later(x: number): Promise<number> {
  const { lazily } = await import("./lazy.ts");
  return lazily(x);
}

export function count(): number {
  return ++calls;
}

export function countToo(): number {
  return ++calls;
}

export function checked(value: unknown): string {
  return v.parse(v.string(), value);
}

export const parsed = (text: string): unknown => parse(text);

export function readsFile(file: string): string {
  return readFileSync(file, "utf8");
}

export const where = (): string => import.meta.url;

export class Shape {}

export function* squares(n: number): Generator<number, string> {
  try {
    for (let i = 0; i < n; i++) yield i * i;
    return "all";
  } finally {
    calls += 1000;
  }
}

export async function* failing(n: number): AsyncGenerator<Depth> {
  for (let i = 0; i < n; i++) yield { text: String(i) };
  await Promise.resolve();
  throw new RangeError("no more"); // STREAMED
}
