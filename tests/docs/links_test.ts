/** Documents name files and link to them; the files are there. */
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTS = [
  "README.md",
  "SECURITY.md",
  "src/README.md",
  "examples/README.md",
  "tests/bench/README.md",
];

async function documents(): Promise<string[]> {
  const docs: string[] = [];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) docs.push(`docs/${name}`);
  }
  return [...DOCUMENTS, ...docs.sort()];
}

async function isThere(url: URL): Promise<boolean> {
  return await Deno.stat(url).then(() => true, () => false);
}

Deno.test("links between documents lead somewhere", async () => {
  const broken: string[] = [];
  for (const path of await documents()) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target) || target.startsWith("#")) continue;
      if (!await isThere(new URL(target.replace(/#.*$/, ""), new URL(path, ROOT)))) {
        broken.push(`${path}: ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

Deno.test("files of the map are there", async () => {
  const missing: string[] = [];
  const text = await Deno.readTextFile(new URL("src/README.md", ROOT));
  for (const [, path = ""] of text.matchAll(/`((?:\w+\/)+\w+\.\w+)`/g)) {
    const at = /^(tests|docs)\//.test(path) ? path : `src/${path}`;
    if (!await isThere(new URL(at, ROOT))) missing.push(path);
  }
  assert.deepEqual(missing, []);
});
