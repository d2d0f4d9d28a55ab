import assert from "node:assert/strict";
import { oneWallLines } from "./one_wall.ts";

Deno.test("SECURITY.md lists what rests on one wall, as the escape suite has it", () => {
  const text = Deno.readTextFileSync(new URL("../../../SECURITY.md", import.meta.url));
  const [, list = ""] = /<!-- one wall -->\n([\s\S]*?)<!-- \/one wall -->/.exec(text) ?? [];
  assert.deepEqual(list.split("\n").filter((line) => line !== ""), oneWallLines());
});
