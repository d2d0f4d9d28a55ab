/** Every export, and every member of one, is documented, and names no type that users cannot have. */
import assert from "node:assert/strict";
import { denoDoc, entries } from "./public_symbols.ts";

Deno.test("deno doc --lint finds nothing in the exports", async () => {
  const { code, said } = await denoDoc("--lint");
  assert.equal(code, 0, said);
});

Deno.test("deno task doc:lint looks at all of them", async () => {
  const root = new URL("../../", import.meta.url);
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const named = tasks["doc:lint"].replace("deno doc --lint ", "").split(" ");
  assert.deepEqual(named.map((path: string) => new URL(path, root).pathname), await entries());
});
