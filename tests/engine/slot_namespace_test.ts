import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { OP } from "../../src/protocol/groups.ts";
import { SETTINGS, SlotHost } from "../contracts/slot_host.ts";

function start(): SlotHost {
  return new SlotHost(Slot.start(SETTINGS, childCommand())).untilReady();
}

Deno.test("execute keeps what cells declare, and gives the last expression", () => {
  using host = start();
  assert.deepEqual(
    host.execute("const a: number = 2; let { b, c: [d] } = { b: 3, c: [4] }; class K { x = 1 }"),
    {
      executionCount: 1,
      value: undefined,
    },
  );
  assert.equal(host.execute("function f(x: number): number { return x * a + b + d }\nf(10)").value, 27);
  assert.equal(host.execute("const a = 5; f(1) + new K().x").value, 13);
  assert.equal(host.execute("e = 7; var g; if (e) { var h = 1 } e").value, 7);
  assert.deepEqual(host.execute("enum Color { red, green }\nColor.green"), {
    executionCount: 5,
    value: 1,
    text: "1",
  });
  assert.equal(host.execute("interface I { a: number }\n({ a } satisfies I)").text, "{ a: 5 }");
  assert.equal(host.execute("isHoisted(); function isHoisted() { return 'yes' }").value, undefined);
});

Deno.test("execute awaits at the top, imports, and sees what applied functions left", () => {
  using host = start();
  const code = `
    import { basename, join as j } from "node:path";
    import * as path from "node:path";
    import data from "data:application/json,[1]" with { type: "json" };
    const late: Promise<number> = new Promise((done) => setTimeout(() => done(3), 1));
    const three = await late;
    [basename("/a/b"), j("a", "b"), typeof path.sep, data[0], three]`;
  assert.deepEqual(host.execute(code).value, ["b", "a/b", "string", 1, 3]);
  assert.equal(host.execute("Promise.resolve(4)").value, 4);
  host.call(() => Reflect.set(globalThis, "left", 5));
  assert.equal(host.execute("left + three").value, 8);
  assert.equal(
    host.value(host.offerCall(host.defineText({ kind: "function", source: "() => three * 2" }))),
    6,
  );
});

Deno.test("execute answers errors of syntax and of the cell, and goes on", () => {
  using host = start();
  assert.equal(host.error(host.offer(OP.execute, { code: "const = 1" })).ename, "SyntaxError");
  assert.equal(host.error(host.offer(OP.execute, { code: "nowhere" })).evalue, "nowhere is not defined");
  const error = host.error(host.offer(OP.execute, { code: "1;\n(() => { throw new RangeError('r') })()" }));
  assert.match(error.traceback.join("\n"), /cell_3\.ts/);
  assert.equal(host.error(host.offer(OP.execute, {})).ename, "TypeError");
  assert.equal(host.execute("1").executionCount, 4);
});

Deno.test("execute shows by text what cannot be sent", () => {
  using host = start();
  const result = host.execute("() => 1");
  assert.deepEqual(result, { executionCount: 1, text: "[Function (anonymous)]", value: undefined });
  assert.match(host.execute("Symbol('s')").text ?? "", /Symbol\(s\)/);
  assert.ok((host.execute("'x'.repeat(1e6)").text ?? "").length < 20_000);
});

Deno.test("silent cells do not count", () => {
  using host = start();
  assert.equal(host.execute("1", true).executionCount, 0);
  assert.equal(host.execute("1").executionCount, 1);
});

Deno.test("display shows while the task runs, and results show themselves", () => {
  using host = start();
  const shown = "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>' }) })";
  host.execute(`display(1); display(${shown}); ${shown}`);
  // Some front-ends show nothing but text.
  const html = {
    "text/html": "<b>",
    "text/plain": "{ Symbol(Jupyter.display): [Function: [Jupyter.display]] }",
  };
  assert.deepEqual(host.events.map(({ body }) => body), [
    { kind: "display_data", data: { "text/plain": "1" }, metadata: {} },
    { kind: "display_data", data: html, metadata: {} },
    { kind: "execute_result", data: html, metadata: {}, executionCount: 1 },
  ]);
  host.call(() => Reflect.get(globalThis, "display")("from apply"));
  assert.equal(host.events.length, 4);
});

Deno.test("push, pull and clear", () => {
  using host = start();
  assert.equal(host.value(host.offer(OP.push, { a: 1, list: [1, 2], name: "n" })), null);
  assert.deepEqual(host.value(host.offer(OP.pull, ["a", "list", "name", "a + list.length"])), [
    1,
    [1, 2],
    "n",
    3,
  ]);
  assert.equal(host.error(host.offer(OP.pull, ["a", "absent"])).evalue, "absent is not defined");
  assert.equal(host.error(host.offer(OP.pull, ["a", "absent"])).ename, "ReferenceError");
  assert.equal(host.execute("Array = 1; let z = 2; a").value, 1);
  assert.equal(host.value(host.offer(OP.clear, null)), null);
  for (const name of ["a", "list", "z"]) {
    assert.equal(host.error(host.offer(OP.pull, [name])).ename, "ReferenceError");
  }
  assert.deepEqual(host.execute("Array.of(1)"), { executionCount: 1, text: "[ 1 ]", value: [1] });
});

Deno.test("words of the language are values to pull and no names to push", () => {
  using host = start();
  assert.deepEqual(host.value(host.offer(OP.pull, ["null", "true", "undefined", "1+1"])), [
    null,
    true,
    undefined,
    2,
  ]);
  const { ename, evalue } = host.error(host.offer(OP.push, { true: 0 }));
  assert.deepEqual([ename, evalue], ["SyntaxError", 'Cannot push "true": a word of the language is no name']);
  assert.equal(host.error(host.offer(OP.pull, ["class"])).ename, "SyntaxError");
});
