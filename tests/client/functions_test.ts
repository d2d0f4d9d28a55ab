import assert from "node:assert/strict";
import { definitionOf, mapperOf, streamerOf, task } from "../../src/client/functions.ts";
import { scriptName } from "../../src/protocol/text_hash.ts";
import { readValue } from "../../src/protocol/values.ts";

function sourceOf(run: (...args: never[]) => unknown): string {
  return (readValue(definitionOf(run).body) as { source: string }).source;
}

Deno.test("functions of every shape travel as their text", () => {
  function named(a: number) {
    return a;
  }
  const shapes = [
    named,
    (x: number) => x,
    async () => await 1,
    async function () {},
    function* () {},
    (a = 1) => a,
  ];
  for (const run of shapes) {
    assert.equal(typeof new Function(`return (${sourceOf(run)}\n)`)(), "function");
  }
});

Deno.test("what has no text of its own is refused in words", () => {
  const object = {
    method() {
      return 1;
    },
    async later() {
      return await 1;
    },
    get value() {
      return 1;
    },
  };
  const getter = Object.getOwnPropertyDescriptor(object, "value")?.get as () => number;
  class Thing {}
  assert.throws(() => definitionOf(Math.max), /function "max": it is built in or bound/);
  assert.throws(() => definitionOf(object.method.bind(object)), /built in or bound/);
  assert.throws(() => definitionOf(object.method), /no expression of its own/);
  assert.throws(() => definitionOf(object.later), TypeError);
  assert.throws(() => definitionOf(getter), TypeError);
  assert.throws(() => definitionOf(Thing as unknown as () => void), /it is a class/);
  assert.throws(() => definitionOf(5 as unknown as () => void), /pass a function/);
  assert.throws(() => definitionOf(task(() => 1, { captures: { "a b": 1 } })), /"a b"/);
  assert.throws(() => definitionOf(task(() => 1, { captures: { bad: Symbol("x") } })), TypeError);
});

Deno.test("equal texts have equal keys, other captures other ones", () => {
  const make = () => (x: number) => x + 1;
  const [a, b] = [make(), make()];
  assert.equal(definitionOf(a).key, definitionOf(b).key);
  assert.equal(definitionOf(a), definitionOf(a));
  const one = task(a, { captures: { k: 1 } });
  const two = task(a, { captures: { k: 2 } });
  assert.notEqual(definitionOf(one).key, definitionOf(two).key);
  assert.equal((readValue(definitionOf(task(a, { name: "mine" })).body) as { name: string }).name, "mine");
});

Deno.test("captured functions go along as functions", () => {
  const half = (x: number) => x / 2;
  const shift = task((x: number) => x + by, { captures: { by: 3 } });
  const by = 0;
  const run = task((x: number) => half(x), { captures: { half, shift, k: 5 } });
  const text = readValue(definitionOf(run).body) as {
    captures: object;
    functions: Record<string, { source: string; captures: object }>;
  };
  assert.deepEqual(text.captures, { k: 5 });
  assert.equal(text.functions.half?.source, half.toString());
  assert.deepEqual(text.functions.shift?.captures, { by: 3 });
});

Deno.test("a mapper calls item by item and waits for what is a promise", async () => {
  const run = async (a: number, b: number) => await a + b;
  const { source } = readValue(mapperOf(run).body) as { source: string };
  const mapper = new Function("run", `return (${source}\n)`)(run) as (
    ...items: number[][]
  ) => Promise<number[]>;
  assert.deepEqual(await mapper([1, 2], [3, 4]), [3, 7]);
});

Deno.test("all that is done with a module is one definition, in every client that has the same files", async () => {
  const url = new URL("../system/modules/work.ts", import.meta.url);
  const work = await task<typeof import("../system/modules/work.ts")>(url);
  const { key, word } = definitionOf(work.render);
  assert.deepEqual(word, ["render"]);
  assert.deepEqual(definitionOf(work.count).word, ["count"]);
  assert.deepEqual(mapperOf(work.render).word, ["render", "map"]);
  for (const other of [definitionOf(work.count), mapperOf(work.render), streamerOf(work.squares)]) {
    assert(other.key === key);
  }
  const at = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const elsewhere = `const { task } = await import(${at("client/task.ts")});
    const { definitionOf } = await import(${at("client/functions.ts")});
    const { scriptName } = await import(${at("protocol/text_hash.ts")});
    console.log(scriptName(definitionOf(await task(${JSON.stringify(url.href)}, "render")).key));`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", config, elsewhere],
    cwd: "/",
    stderr: "inherit",
  }).output();
  assert.equal(new TextDecoder().decode(stdout).trimEnd(), scriptName(key));
});
