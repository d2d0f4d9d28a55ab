/**
 * The host's reading of what the Worker counted of denials: hostile bytes, so everything in it is bounded and made plain text.
 */
import type { DeniedAct } from "../protocol/post_mortem.ts";
import { DENIAL_BYTES, DENIAL_WORDS, DENIALS } from "./ring.ts";

const DECODER = new TextDecoder();

/** @param records as they lie in the memory, copied out */
export function readDenials(records: Uint8Array, ticket: number): DeniedAct[] {
  const count = Math.min(DENIALS.most, Math.floor(records.length / DENIAL_BYTES));
  const words = new Int32Array(records.slice(0, count * DENIAL_BYTES).buffer);
  const found: DeniedAct[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * DENIAL_WORDS;
    const times = words[at + DENIALS.times]! >>> 0;
    if (times === 0 || words[at + DENIALS.ticket]! >>> 0 !== ticket) continue;
    const from = (at + DENIALS.text) * 4, room = DENIAL_BYTES - DENIALS.text * 4;
    const length = Math.max(0, Math.min(room, words[at + DENIALS.length]!));
    const [permission = "", value = "", where = ""] = DECODER.decode(records.slice(from, from + length))
      .split("\0");
    found.push({ permission: plain(permission), value: plain(value), times, where: plain(where) });
  }
  return found;
}

/** Without what would move a terminal's cursor. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
