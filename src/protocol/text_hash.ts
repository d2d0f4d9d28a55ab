/**
 * The short name of a function's text in stacks, the same at both ends. No cryptographic hash: whoever makes two texts of one name confuses nobody but
 * whoever reads his own errors. Bundled into the Worker that runs tasks, so everything was taken at load.
 */
import { charCodeAt } from "./primordials.ts";

const { imul } = Math;
const toText = Function.prototype.call.bind(Number.prototype.toString) as (
  n: number,
  radix: number,
) => string;

/** What a definition's script is called: `task:1a2b3c…`. */
export function scriptName(source: string): string {
  let a = 0x811c9dc5, b = 0x9e3779b9 ^ source.length;
  for (let i = 0; i < source.length; i++) {
    const unit = charCodeAt(source, i);
    a = imul(a ^ unit, 0x01000193);
    b = imul(b ^ unit, 0x85ebca6b) ^ (b >>> 13);
  }
  // The first digit stands for 32 bits: no zero is lost.
  return `task:${toText((a >>> 0) + 0x1_0000_0000, 16)}${toText((b >>> 0) + 0x1_0000_0000, 16)}`;
}

/** Lines of a definition's script in front of its text. */
export const LINES_BEFORE = 3;
