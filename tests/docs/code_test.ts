/**
 * The TypeScript in the documents compiles. What a piece takes for granted is in PRELUDE, and names that are nowhere stand for the reader's own: they may be
 * anything. `{ … }` stands for something left out.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTS = ["README.md", "docs/client.md", "docs/permissions.md", "docs/python.md"];

const PRELUDE = `
import * as ours from "./src/client/client.ts";
import * as v from "valibot";
declare const client: ours.Client;
const { AsyncResult, Reference, ResultGroup, task } = ours;
declare const f: (x: number) => number, g: (x: number) => number;
declare const xs: number[], numbers: Float64Array;
const outer = { view: client.loadBalanced(), all: client.direct("all") };
{
  const { view, all } = outer;
  {
`;

/** A piece that connects is a program; any other is a part of one, whatever it imports of ours. */
function piece(code: string): string {
  const whole = code.replaceAll("{ … }", "{}").replaceAll("(…)", "()");
  const part = whole.replaceAll(/^import .* from "(\.\/src\/client\/client\.ts|tsparallel)";.*\n/gm, "");
  const text = whole.includes("Client.connect(") ? whole : `${PRELUDE}${part}\n}\n}\nexport {};\n`;
  return text.replaceAll('"./src/', `"${new URL("src/", ROOT).href}`);
}

/** The module of the reader's that documents speak of. */
const WORK = `export const render = (times: number, text: string): string => text.repeat(times);
export const count = (text: string): number => text.length;
export const squares = (xs: readonly number[]): number[] => xs.map((x) => x * x);
export const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
`;

/** Writes all pieces into the folder, named by the place of each. */
async function writePieces(folder: string): Promise<string[]> {
  const files: string[] = [];
  await Deno.writeTextFile(`${folder}/work.ts`, WORK);
  for (const path of DOCUMENTS) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    for (const match of text.matchAll(/^```ts\n([^]*?)^```$/gm)) {
      const line = text.slice(0, match.index).split("\n").length;
      files.push(`${folder}/${path.replaceAll(/\W/g, "_")}_line_${line}.ts`);
      await Deno.writeTextFile(files.at(-1)!, piece(match[1] ?? ""));
    }
  }
  return files;
}

/** What the compiler says. */
async function compile(files: readonly string[]): Promise<string> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--config", fileURLToPath(new URL("deno.json", ROOT)), ...files],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  return code === 0 ? "" : new TextDecoder().decode(stderr);
}

const UNKNOWN =
  /^TS(?:2304|2552|18004) \[ERROR\]: .*?'(\w+)'.*\n(?:.*\n)*? {4}at file:\/\/(\S+?_line_\d+\.ts):/gm;

Deno.test("code in the documents compiles", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files = await writePieces(folder);
    assert(files.length >= 8, `${files.length} pieces`);
    const found = [...(await compile(files)).matchAll(UNKNOWN)];
    for (const [file, names] of Map.groupBy(found, ([, , file = ""]) => file)) {
      const own = [...new Set(names.map(([, name]) => name))].map((name) => `declare const ${name}: any;\n`);
      await Deno.writeTextFile(file, `${await Deno.readTextFile(file)}${own.join("")}`);
    }
    assert.equal(await compile(files), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
