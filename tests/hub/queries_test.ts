import assert from "node:assert/strict";
import { Ledger } from "../../src/hub/ledger.ts";
import { Queries } from "../../src/hub/queries.ts";
import { MemoryRecords } from "../../src/hub/records_memory.ts";
import { Registry } from "../../src/hub/registry.ts";
import { JSON_PACKER } from "../../src/protocol/packers.ts";

Deno.test("Queries refuses answers of too many bytes and says what to do, and gives their parts", async () => {
  const store = new MemoryRecords({ engineOf: () => null }, { maxBytes: 8 * 2 ** 30 });
  const queries = new Queries({ registry: new Registry(), ledger: new Ledger(), store, packer: JSON_PACKER });
  // One megabyte, named six hundred times.
  const buffer = new Uint8Array(1 << 20), text = "x".repeat(1 << 20);
  const ids = Array.from({ length: 600 }, (_, i) => `p${i}`);
  for (const [i, msgId] of ids.entries()) {
    store.put(msgId, { submitted: i, result_buffers: [buffer], completed: i + 1 });
    store.output(msgId, { kind: "stdout", text });
  }
  const refusal = {
    ename: "ValueError",
    message: /more than 512 MiB: ask for fewer tasks at a time, or name the keys/,
  };
  await assert.rejects(queries.db({ query: {}, keys: ["result_buffers"] }), refusal);
  await assert.rejects(queries.db({ query: {}, keys: ["stdout"] }), refusal);
  await assert.rejects(queries.result({ msg_ids: ids, status_only: false }), refusal);
  const { list } = await queries.db({ query: {}, keys: ["completed"] });
  assert.equal(list!.count, 600);
  const some = await queries.db({
    query: { msg_id: { $in: ids.slice(0, 5) } },
    keys: ["result_buffers", "stdout"],
  });
  assert.deepEqual(some.content["result_buffer_lens"], [1, 1, 1, 1, 1]);
});
