import { deepEqual, equal } from "node:assert/strict";
import { loadPacker } from "../../src/protocol/packers.ts";

const decoder = new TextDecoder();

for (const name of ["json", "msgpack"] as const) {
  Deno.test(`${name}: whole numbers beyond 2^53 come back with all their digits`, async () => {
    const packer = await loadPacker(name);
    const value = {
      label: 18446744073709551615n,
      least: -9223372036854775808n,
      list: [2n ** 53n, 2 ** 53 - 1, 2 ** 40, -(2 ** 40), 1.5, 3, -3, "x", null, true],
      deep: { n: 9007199254740993n },
    };
    deepEqual(packer.unpack(packer.pack(value)), value);
    const parts = packer.withList({ status: "ok", n: 2n ** 60n }, "records", 2, [
      packer.items([{ n: 2n ** 60n }]),
      packer.items([{ n: 1 }]),
    ]);
    deepEqual(packer.unpack(joined(parts)), {
      status: "ok",
      n: 2n ** 60n,
      records: [{ n: 2n ** 60n }, { n: 1 }],
    });
  });

  Deno.test(`${name}: numbers up to 2^53 stay numbers`, async () => {
    const packer = await loadPacker(name);
    const value = { list: [0, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, 0.30000000000000004] };
    deepEqual(packer.unpack(packer.pack(value)), value);
  });
}

Deno.test("json: Python's text of long numbers is the same after reading and writing", async () => {
  const packer = await loadPacker("json");
  const text = '{"label":123456789012345678901234567890,"x":[0.30000000000000004]}';
  equal(decoder.decode(packer.pack(packer.unpack(new TextEncoder().encode(text)))), text);
});

Deno.test("msgpack: a number of more than 64 bits, which it cannot hold, becomes a fraction's type", async () => {
  const packer = await loadPacker("msgpack");
  deepEqual(packer.unpack(packer.pack({ n: 2n ** 70n })), { n: 2 ** 70 });
});

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
