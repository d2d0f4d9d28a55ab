import assert from "node:assert/strict";
import { readDenials } from "../../src/engine/denial_records.ts";
import { DENIAL_BYTES, DENIALS } from "../../src/engine/ring.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { denialSuite } from "../contracts/slot_denials.ts";

denialSuite({ name: "slot", command: childCommand });

Deno.test("readDenials() takes whatever bytes there are", () => {
  for (let round = 0; round < 200; round++) {
    const records = crypto.getRandomValues(new Uint8Array(round % 40 * DENIAL_BYTES + round));
    const words = new Int32Array(records.buffer, 0, Math.floor(records.length / 4));
    for (let at = 0; at < words.length; at += DENIAL_BYTES / 4) words[at + DENIALS.ticket] = 7;
    for (const { permission, value, where } of readDenials(records, 7)) {
      assert.ok(permission.length + value.length + where.length <= DENIAL_BYTES);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(permission + value + where, /[\x00-\x1f\x7f]/);
    }
    assert.deepEqual(readDenials(records, 8), []);
  }
});
