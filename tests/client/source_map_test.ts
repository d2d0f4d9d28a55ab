/** Places in made texts and where they come from. */
import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import { SourceMap } from "../../src/client/source_map.ts";

Deno.test("each place of a bundle leads to where it was written", async () => {
  const source = [
    "// A line before.",
    "export function first(a: number): number {",
    "  return a > 1 ? missing(a) : other.deep(a);",
    "}",
    "",
    "export const wide = (x: string) => x.repeat(3) + first(1) + last();".padStart(400),
  ].join("\n");
  const { code, map } = await esbuild.transform(source, {
    loader: "ts",
    sourcemap: "external",
    sourcefile: "a.ts",
  });
  await esbuild.stop();
  const found = new SourceMap(map);
  for (const word of ["missing", "other.deep", "x.repeat", "first(1)", "last()"]) {
    const before = code.slice(0, code.indexOf(word)).split("\n");
    const place = found.place(before.length, (before.at(-1)?.length ?? 0) + 1);
    const written = source.slice(0, source.indexOf(word)).split("\n");
    assert.deepEqual(place, {
      source: "a.ts",
      line: written.length,
      column: (written.at(-1)?.length ?? 0) + 1,
    }, word);
  }
  assert.equal(found.place(1000, 1), undefined);
});
