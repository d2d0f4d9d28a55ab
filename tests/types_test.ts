/**
 * Types as tests: the files of tests/types/ compile, and where they say so they do not. Nothing in them runs. Each `@ts-expect-error` is tried alone, too: it has to
 * stand before an error, and errors have to stand nowhere else.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("types/", import.meta.url);
const DIRECTIVE = /^\s*\/\/ @ts-expect-error (.*)$/;

/** What the compiler says of files: `file:line` of each error, and everything as text. */
async function compile(
  files: readonly string[],
): Promise<{ readonly places: string[]; readonly text: string }> {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--config", fileURLToPath(new URL("../deno.json", import.meta.url)), ...files],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  const text = new TextDecoder().decode(stderr);
  const places = [...text.matchAll(/^ {4}at file:\/\/\S*\/(\w+\.ts):(\d+):\d+$/gm)];
  return { places: places.map(([, file, line]) => `${file}:${line}`), text };
}

function typeFiles(): string[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => name.endsWith(".ts")).sort();
}

Deno.test("types/task.ts, types/views.ts and their like compile, and not where they say so", async () => {
  const files = typeFiles();
  assert(files.length > 5);
  const { places, text } = await compile(files.map((name) => fileURLToPath(new URL(name, FOLDER))));
  assert.deepEqual(places, [], text);
  assert(!/error/i.test(text), text);
});

Deno.test("what must not compile is an error where it is said, with a reason, and nowhere else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const expected: string[] = [];
    for (const name of typeFiles()) {
      const lines = (await Deno.readTextFile(new URL(name, FOLDER))).split("\n");
      for (const [i, line] of lines.entries()) {
        const reason = DIRECTIVE.exec(line)?.[1];
        if (reason === undefined) continue;
        assert(reason.length > 5, `${name}:${i + 1} gives no reason`);
        expected.push(`${name}:${i + 2}`);
        lines[i] = "  //";
      }
      const text = lines.join("\n").replaceAll('"../../src/', `"${new URL("../src/", import.meta.url).href}`);
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    assert(expected.length > 50);
    const { places, text } = await compile(typeFiles().map((name) => `${folder}/${name}`));
    assert.deepEqual([...new Set(places)].sort(), expected.sort(), text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
