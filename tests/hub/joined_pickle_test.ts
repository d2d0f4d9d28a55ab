import { deepEqual, equal } from "node:assert/strict";
import { joinedPickle } from "../../src/hub/joined_pickle.ts";
import { writeResult } from "../../src/protocol/pickle_apply.ts";
import { PYTHON, PythonPeer } from "../protocol/python_peer.ts";

/** A character for each byte. */
const text = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

Deno.test("a joined pickle has each engine's buffers as they are, in order, and names ipyparallel's reader alone", () => {
  const first = [Uint8Array.of(1, 2, 3), new Uint8Array(0)], second = [new Uint8Array(70_000).fill(65)];
  const pickle = text(joinedPickle([first, second]));
  const at = [
    pickle.indexOf("B\x03\0\0\0\x01\x02\x03"),
    pickle.indexOf(`B\x70\x11\x01\0${"A".repeat(70_000)}`),
  ];
  equal(at[0]! > 0 && at[1]! > at[0]!, true);
  const names = [...pickle.matchAll(/c(\w+(?:\.\w+)*)\n(\w+)\n/g)].map(([, module, name]) =>
    `${module}.${name}`
  );
  deepEqual(new Set(names), new Set(["operator.itemgetter", "ipyparallel.serialize.deserialize_object"]));
  equal(pickle.startsWith("\x80\x02"), true);
  equal(pickle.endsWith("."), true);
});

Deno.test("of no engines it is an empty list", () => {
  deepEqual(joinedPickle([]), Uint8Array.of(0x80, 2, 0x5d, 0x28, 0x65, 0x2e));
});

Deno.test({
  name:
    "Python reads one list of all results out of it (needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2 and numpy)",
  ignore: PYTHON === undefined,
  async fn() {
    await using python = new PythonPeer();
    const results = [7, "text", [1, null], new Uint8Array(5000).fill(3)];
    const pickle = joinedPickle(results.map((value) => writeResult(value)));
    const [value, left] = await python.result([pickle]) as [{ list: unknown[] }, number];
    equal(left, 0);
    const one = async (result: unknown) => (await python.result(writeResult(result)) as unknown[])[0];
    deepEqual(value.list, [
      await one(results[0]),
      await one(results[1]),
      await one(results[2]),
      await one(results[3]),
    ]);
    deepEqual(await python.result([joinedPickle([])]), [{ list: [] }, 0]);
  },
});
