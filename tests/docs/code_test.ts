/** The TypeScript in the documents compiles. What a piece takes for granted is in PRELUDE; `{ … }` stands for something left out. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTS = ["README.md", "docs/client.md", "docs/permissions.md", "docs/python.md"];

/** What a piece without imports may use. */
const PRELUDE = `
import { AsyncResult, Client, Reference, ResultGroup, task } from "./src/client/client.ts";
import * as v from "valibot";
declare const client: Client;
declare const f: (x: number) => number, g: (x: number) => number;
declare const xs: number[], texts: string[], numbers: Float64Array, endless: AsyncIterable<number>;
const outer = { view: client.loadBalanced(), all: client.direct("all") };
{
  const { view, all } = outer;
  {
`;

/** A piece that connects is a program; any other is a part of one, whatever it imports of ours. */
function piece(code: string): string {
  const whole = code.replaceAll("{ … }", "{}");
  const part = whole.replaceAll(/^import .* from "(\.\/src\/client\/client\.ts|tsparallel)";.*\n/gm, "");
  const text = whole.includes("Client.connect(") ? whole : `${PRELUDE}${part}\n}\n}\nexport {};\n`;
  return text.replaceAll('"./src/', `"${new URL("src/", ROOT).href}`);
}

Deno.test("code in the documents compiles", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files: string[] = [];
    for (const path of DOCUMENTS) {
      const text = await Deno.readTextFile(new URL(path, ROOT));
      for (const match of text.matchAll(/^```ts\n([^]*?)^```$/gm)) {
        const line = text.slice(0, match.index).split("\n").length;
        files.push(`${folder}/${path.replaceAll(/\W/g, "_")}_line_${line}.ts`);
        await Deno.writeTextFile(files.at(-1)!, piece(match[1] ?? ""));
      }
    }
    assert(files.length >= 8, `${files.length} pieces`);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", fileURLToPath(new URL("deno.json", ROOT)), ...files],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
