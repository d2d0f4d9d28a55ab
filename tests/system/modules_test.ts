/** Modules on their way to real engines: what travels with them, what is refused, and where their errors are said to be. */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { type LoadBalancedView, ModuleError, RemoteError, task } from "../../src/client/client.ts";
import { count, countToo, render } from "./modules/work.ts";
import { errorOf, Run } from "./run.ts";

type Work = typeof import("./modules/work.ts");
const HERE = import.meta.url;
const WORK = new URL("modules/work.ts", HERE);

/** The only line of a file that has a mark, with the column of a text in it: `file:///…:12:3`. */
function placeOf(url: URL, mark: string, text: string): string {
  const lines = Deno.readTextFileSync(url).split("\n");
  const line = lines.findIndex((one) => one.includes(`// ${mark}`));
  return `${url}:${line + 1}:${(lines[line]?.indexOf(text) ?? 0) + 1}`;
}

async function moduleError(promise: PromiseLike<unknown>): Promise<ModuleError> {
  const error = await errorOf(promise);
  assert(error instanceof ModuleError, String(error));
  return error;
}

/** A project in a folder of its own; gone at the end. */
class Project implements Disposable {
  /** With all that a path may have and a URL has in another spelling. */
  readonly #folder = `${Deno.makeTempDirSync()} ä#1%20?`;

  constructor(files: Readonly<Record<string, string>>) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** A file of the project. */
  write(name: string, text: string): void {
    const path = `${this.#folder}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }

  url(name: string): string {
    return pathToFileURL(`${this.#folder}/${name}`).href;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
    Deno.removeSync(this.#folder.split(" ", 1)[0] ?? "", { recursive: true });
  }
}

/** What a function of a project's `main.ts` gives on an engine. */
async function result(view: LoadBalancedView, files: Readonly<Record<string, string>>): Promise<unknown> {
  using project = new Project(files);
  return await view.apply(await task(project.url("main.ts"), "main"));
}

/** Why a project's `main.ts` is refused. */
async function refusal(files: Readonly<Record<string, string>>): Promise<ModuleError> {
  using project = new Project(files);
  return await moduleError(task(project.url("main.ts"), "main"));
}

Deno.test("functions of modules", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const one = client[0]!;

  await test.step("a module travels with what it imports, typed", async () => {
    const renders = await task<Work, "render">(WORK, "render");
    const text: string = await view.apply(renders, 2, "ab");
    assert.equal(text, "pages/abab");
    const byType = await task<Work["render"]>(WORK.href, "render");
    assert.equal(await one.apply(byType, 1, "c"), "pages/c");
    const later = await task<Work["default"]>(WORK, "default");
    assert.equal(await view.apply(later, 4), 5);
    const untyped = await task(WORK.href, "checked");
    assert.equal(await view.apply(untyped, "text"), "text");
    const all = await task<Work>(WORK);
    assert.equal(await view.apply(all.where), WORK.href);
    assert.deepEqual(await view.apply(all.parsed, '{ "a": 1, } // b'), { a: 1 });
    assert.deepEqual(await client.direct("all").apply(all.render, 1, "d"), ["pages/d", "pages/d"]);
    assert.deepEqual(await view.map(all.render, [1, 2], ["e", "f"]), ["pages/e", "pages/ff"]);
    assert.deepEqual(await one.map(all.render, [1, 2], ["e", "f"], { chunkSize: 2 }), [
      "pages/e",
      "pages/ff",
    ]);
    // @ts-expect-error: it takes a number and a text
    assert.throws(() => one.apply(renders, "1", () => {}));
    // @ts-expect-error: it is no function of the module
    await errorOf(task<Work, "LIMIT">(WORK, "LIMIT"));
  });

  await test.step("it is evaluated once in a child, whoever sends it and whatever is called of it", async () => {
    await one.clear();
    const work = await task<Work>(WORK);
    const first = await one.apply(work.count);
    assert.equal(await one.apply(work.countToo), first + 1);
    const both = task(() => count() + countToo() * 1000, {
      captures: { count: work.count, countToo: work.countToo },
    });
    assert.equal(await one.apply(both), first + 2 + (first + 3) * 1000);
    const other = await run.connect();
    assert.equal(await other[0]!.apply(await task<Work, "count">(WORK, "count")), first + 4);
    assert.deepEqual(await one.map(work.count as never, [0, 0], { chunkSize: 2 }), [first + 5, first + 6]);
  });

  await test.step("stacks name the files of the module, also behind an import and a wait", async () => {
    const work = await task<Work>(WORK);
    const DEEP = placeOf(new URL("modules/deep.ts", HERE), "DEEP", "new RangeError");
    for (
      const error of [
        await errorOf(view.apply(work.render, -1, "x")),
        await errorOf(view.map(work.render, [-1, -1], ["x", "y"], { chunkSize: 2 })),
        await errorOf(view.apply(task(() => render(-1, "x"), { captures: { render: work.render } }))),
      ]
    ) {
      assert(error instanceof RemoteError, String(error));
      assert(error.stack?.includes(`at deep (${DEEP})`), `${error.stack}`);
      assert.match(error.stack ?? "", /at render \(file:.*\/modules\/work\.ts:\d+:\d+\)/);
      assert.doesNotMatch(error.traceback, /task:[0-9a-f]|tsparallel:slot/);
    }
    const waiting = new URL("modules/waiting.ts", HERE);
    const plus = await task<typeof import("./modules/waiting.ts"), "plus">(waiting, "plus");
    assert.equal(await view.apply(plus, 2), 42);
    const late = await errorOf(view.apply(plus, 200)) as RemoteError;
    assert(late.stack?.includes(placeOf(waiting, "WAITED", "new RangeError")), `${late.stack}`);
  });

  await test.step("what a module does is bound by the engine's permissions", async () => {
    const { readsFile } = await task<Work>(WORK);
    assert.equal((await errorOf(view.apply(readsFile, "/etc/hostname")) as Error).name, "PermissionDenied");
  });

  await test.step("deno.json, node_modules, JSON, text, bytes, CommonJS", async () => {
    const files = {
      "main.ts": [
        'import { half } from "halves";',
        'import { one } from "@/deep/one.ts";',
        'import data from "#data" with { type: "json" };',
        'import text from "./note.txt" with { type: "text" };',
        'import bytes from "./note.txt" with { type: "bytes" };',
        'import old, { name } from "npm:old-one@^1.0.0";',
        'import { sub } from "old/sub.js";',
        'import { createHash } from "crypto";',
        'export * from "./more.ts";',
        "export const main = () => [half(3), one, data.a, text, bytes.length, old.name, name, sub, typeof createHash, import.meta.main];",
      ].join("\n"),
      "more.ts": "export const more = 1; export interface More { readonly a: 1 }",
      "halves.ts": "export const half = (x: number): number => x / 2;",
      "src/deep/one.ts": "export const one: number = 1;",
      "data.json": '{ "a": "json" }',
      "note.txt": "note\n",
      "deno.jsonc": [
        "// With comments.",
        '{ "imports": { "halves": "./halves.ts", "@/": "./src/", "#data": "./data.json", "old": "npm:old-one@1", } }',
      ].join("\n"),
      "node_modules/old-one/package.json": '{ "name": "old-one", "main": "./main.cjs" }',
      "node_modules/old-one/main.cjs": 'exports.name = "old"; exports.path = require("path").sep;',
      "node_modules/old-one/sub.js": 'module.exports = { sub: require("./main.cjs").path };',
    };
    assert.deepEqual(await result(view, files), [
      1.5,
      1,
      "json",
      "note\n",
      5,
      "old",
      "old",
      "/",
      "function",
      false,
    ]);
  });

  await test.step("scopes, a file of imports, and decorators as deno.json says", async () => {
    assert.equal(
      await result(view, {
        "main.ts":
          'import { a } from "a"; import { b } from "./inner/b.ts"; export const main = () => a + b;',
        "inner/b.ts": 'import { a } from "a"; export const b = a;',
        "a.ts": 'export const a = "outer";',
        "a2.ts": 'export const a = "inner";',
        "deno.json": '{ "importMap": "./names.json" }',
        "names.json": '{ "imports": { "a": "./a.ts" }, "scopes": { "./inner/": { "a": "./a2.ts" } } }',
      }),
      "outerinner",
    );
    assert.equal(
      await result(view, {
        "main.ts": [
          "function twice(_: unknown, __: string, d: PropertyDescriptor) { const f = d.value; d.value = () => f() * 2; }",
          "class A { @twice static f() { return 21; } }",
          "export const main = () => A.f();",
        ].join("\n"),
        "deno.json": '{ "compilerOptions": { "experimentalDecorators": true } }',
      }),
      42,
    );
    assert.equal(
      await result(view, {
        "main.ts": [
          "const twice = (f: () => number, _: ClassMethodDecoratorContext) => () => f() * 2;",
          "class A { @twice static f() { return 21; } static accessor b = 1; }",
          "export const main = () => A.f() + A.b;",
        ].join("\n"),
      }),
      43,
    );
  });

  await test.step("a changed file is another module; an unchanged one is not made again", async () => {
    using project = new Project({
      "main.ts": 'import { word } from "./word.ts"; export const main = () => word;',
      "word.ts": 'export const word = "before";',
    });
    const before = await task(project.url("main.ts"), "main");
    project.write("word.ts", 'export const word = "behind";');
    const behind = await task(project.url("main.ts"), "main");
    assert.deepEqual([await view.apply(before), await view.apply(behind)], ["before", "behind"]);
    const [again, more] = await Promise.all([task(WORK, "render"), task(WORK, "count")]);
    assert.equal(again.module?.code, more.module?.code);
    assert.equal(again.module?.code, (await task(WORK, "render")).module?.code);
  });

  await test.step("what it throws while it is evaluated, each call throws", async () => {
    using project = new Project({
      "main.ts": 'export const main = () => 1;\nthrow new RangeError("at once");',
    });
    const main = await task(project.url("main.ts"), "main");
    for (let i = 0; i < 2; i++) {
      const error = await errorOf(view.apply(main)) as RemoteError;
      assert.match(error.message, /RangeError: at once/);
      assert(error.stack?.includes(`${project.url("main.ts")}:2:7`), `${error.stack}`);
    }
  });

  await test.step("options and schemas as for functions; captures are refused", async () => {
    const label = { of: "module" };
    const shows = await task<Work, "render">(WORK, "render", { label, name: "shown" });
    assert.equal(shows.name, "shown");
    const shown = view.apply(shows, 1, "x");
    await shown;
    assert.deepEqual(shown.metadata.label, label);
    await assert.rejects(
      task(WORK, "render", { captures: { a: 1 } } as never),
      /Cannot use "captures" for "render"/,
    );
    assert.throws(() => shows.run(1, "x"), /Cannot run "shown" here: a task of a module runs on engines/);
    assert(Object.isFrozen(shows));
  });

  await test.step("a program that uses esbuild itself is left alone", async () => {
    const own = await esbuild.context({ stdin: { contents: "a = 1" }, write: false, logLevel: "silent" });
    using project = new Project({ "main.ts": "export const main = () => 7;" });
    assert.equal(await view.apply(await task(project.url("main.ts"), "main")), 7);
    assert.equal((await own.rebuild()).outputFiles?.[0]?.text, "a = 1;\n");
    await own.dispose();
    await esbuild.stop();
  });

  await test.step("a module that imports this library has the running task of its engine", async () => {
    const client = new URL("../../src/client/client.ts", HERE).href;
    const files = {
      "main.ts": `import { task } from "${client}"; export const main = () => task.signal.aborted;`,
    };
    assert.equal(await result(view, files), false);
  });

  await test.step("an export that is no function is said on the engine", async () => {
    const limit = await task(WORK, "LIMIT");
    assert.match(
      String(await errorOf(view.apply(limit))),
      /Cannot call "LIMIT" of the module: it is no function/,
    );
  });
});

Deno.test("modules that cannot be sent", async (test) => {
  await test.step("an export that is not there, with the nearest", async () => {
    const error = await moduleError(task(WORK, "rendr"));
    assert.equal(error.message, `Cannot find "rendr" in module "${WORK}", did you mean "render"?`);
    assert.match((await moduleError(task(WORK, "zzzzzzzz"))).message, /: it exports LIMIT, Shape, /);
  });

  await test.step("what does not parse, with file, line and text", async () => {
    const error = await refusal({
      "main.ts": 'import { x } from "./broken.ts";\nexport const main = x;',
      "broken.ts": "export const x = 1;\n\tconst ä = (3;\n",
    });
    const [problem] = error.problems;
    assert.match(problem?.file ?? "", /%20%C3%A4%231%2520%3F\/broken\.ts$/);
    assert.deepEqual([problem?.line, problem?.column, problem?.lineText], [2, 14, "\tconst ä = (3;"]);
    assert.match(error.message, /Expected "\)" but found ";"\n {4}at file:\/\/.*\/broken\.ts:2:14\n/);
    assert.match(error.message, /\n {5}const ä = \(3;\n {17}\^$/);
  });

  await test.step("a name that an imported file does not export, and a file that is not there", async () => {
    const unknown = await refusal({
      "main.ts": 'import { y } from "./x.ts";\nexport const main = () => y;',
      "x.ts": "export const x = 1;",
    });
    assert.match(unknown.message, /No matching export in "x\.ts" for import "y"\n {4}at .*main\.ts:1:10/);
    const missing = await refusal({ "main.ts": '\nexport { x as main } from "./nowhere.ts";' });
    assert.match(missing.message, /Could not resolve "\.\/nowhere\.ts"\n {4}at .*main\.ts:2:27/);
    assert.match(
      (await moduleError(task("file:///nowhere/main.ts", "main"))).message,
      /there is no such file/,
    );
  });

  await test.step("what would have to be fetched, or is not installed", async () => {
    const remote = await refusal({ "main.ts": 'import "https://example.org/a.ts";\nexport const main = 1;' });
    assert.match(
      remote.message,
      /"https:\/\/example\.org\/a\.ts" cannot be sent: engines fetch nothing.*\n {4}at .*main\.ts:1:8/,
    );
    const jsr = await refusal({
      "main.ts": 'import { a } from "std";\nexport const main = a;',
      "deno.json": '{ "imports": { "std": "jsr:@std/assert@1" } }',
    });
    assert.match(jsr.message, /"std", which is "jsr:@std\/assert@1", cannot be sent.*npm:@jsr/);
    assert.match(jsr.message, /at .*main\.ts:1:19/);
    const absent = await refusal({
      "main.ts": 'import { a } from "npm:not-there@1";\nexport const main = a;',
    });
    assert.match(absent.message, /"npm:not-there@1" is in no node_modules here: install it there/);
    const builtin = await refusal({ "main.ts": 'import "node:nothing";\nexport const main = 1;' });
    assert.match(builtin.message, /"node:nothing" is no built-in module of the engines/);
    const lazily = await refusal({ "main.ts": 'export const main = () => import("jsr:@std/assert");' });
    assert.match(lazily.message, /"jsr:@std\/assert" cannot be sent/);
  });

  await test.step("what is no URL of a file", async () => {
    await assert.rejects(
      task("./work.ts", "x"),
      /it is no URL; say where it is seen from: import\.meta\.resolve\("\.\/work\.ts"\)/,
    );
    await assert.rejects(task("https://example.org/work.ts", "x"), /only files of this host are bundled/);
  });

  await test.step("one that is too large, and a deno.json that cannot be read", async () => {
    using project = new Project({
      "main.ts": `export const text = "${"x".repeat(5 << 20)}";\nexport const main = () => text.length;`,
    });
    const main = await task(project.url("main.ts"), "main");
    await using run = await Run.start({ n: 1 });
    assert.throws(
      () => run.client.loadBalanced().apply(main),
      /with all that it imports it has 5\.0 MiB, more than 4/,
    );
    assert.match(
      (await refusal({ "main.ts": "export const main = 1;", "deno.json": "{ 5" })).message,
      /deno\.json:1: /,
    );
  });
});
