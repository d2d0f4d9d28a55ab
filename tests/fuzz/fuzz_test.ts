/** Half a minute of nonsense at every public socket while others work, from a new seed each time. */
import assert from "node:assert/strict";
import { fuzz, newSeed } from "./fuzz.ts";
import { PYTHON } from "../peers/python.ts";
import { Chance } from "./chance.ts";
import { Nonsense } from "./nonsense.ts";
import { loadCapture } from "../vectors/vectors.ts";

const SECONDS = 30;

Deno.test("the fuzzer says the same for the same seed", async () => {
  const capture = await loadCapture("json");
  const known = { key: "a key", engines: [{ id: 0, uuid: "one" }] };
  const messages = (seed: number) => {
    const nonsense = new Nonsense(new Chance(seed), known, capture);
    return Array.from({ length: 300 }, () => nonsense.message().map(({ length }) => length).join());
  };
  assert.deepEqual(messages(5), messages(5));
  assert.notDeepEqual(messages(5), messages(6));
});

Deno.test({
  name:
    "nobody dies, and no task is lost, whatever comes at the public sockets (needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2)",
  ignore: PYTHON === undefined,
  async fn() {
    const seed = Number(Deno.env.get("TSPARALLEL_FUZZ_SEED") ?? newSeed());
    const { doors } = await fuzz({ seed, seconds: SECONDS, say: console.log });
    assert(doors.length >= 14, doors.join(", "));
  },
});
