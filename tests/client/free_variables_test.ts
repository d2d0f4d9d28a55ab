import assert from "node:assert/strict";
import { freeNames } from "../../src/client/free_variables.ts";
import { KnownNames } from "../../src/client/known_names.ts";
import { UnresolvedName } from "../../src/protocol/errors.ts";

function namesOf(source: string): string[] {
  return freeNames(source).names.map(({ name }) => name);
}

Deno.test("free names: what a text binds itself is not free", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["(a, { b, c: [d = e], ...f }) => a + b + d + f + g", "e g"],
    ["function me(x) { return x ? me(x - 1) + arguments.length : y }", "y"],
    ["() => arguments.length", "arguments"],
    ["() => { a: for (;;) { continue a; } }", ""],
    ["() => { try { risky() } catch ({ message: m }) { return m } return m }", "risky m"],
    ["() => { { let q; var v; function h() {} } return [q, v, h] }", "q h"],
    ["() => { for (const i of list) use(i); for (let j = 0; j < 1; j++); return i + j }", "list use i j"],
    ["() => { switch (s) { case 1: let t; return t } return t }", "s t"],
    [
      "() => class K extends Base { [key] = 1; #p = p; static { var z = K; z } get [w]() { return this.#p } }",
      "Base key p w",
    ],
    ["() => { class K {} return new K() }", ""],
    ["() => ({ a, b: c, [d]: 1, e() { return f } }).z.y[x]", "a c d f x"],
    ["async function* () { await using r = open(); yield* r; for await (const i of r) yield i }", "open"],
    ["(a = b, c = a) => c", "b"],
    ["() => `${t} ${tag`x`}`", "t tag"],
    ["() => { [p, q.r] = [1, 2]; s ??= 3 }", "p q s"],
    ["() => (function inner() { return inner })(inner)", "inner"],
    ["() => new.target", ""],
    ["() => import(what)", "what"],
    ["x => /regular/u.test(x) && undefined", "undefined"],
    ["() => { return later; var later; }", ""],
  ];
  for (const [source, names] of cases) assert.equal(namesOf(source).join(" "), names, source);
});

Deno.test("free names: what nobody can tell is left alone", () => {
  assert.deepEqual(freeNames("() => eval('x') + y"), { names: [], isExpression: true, mayDefine: true });
  assert.deepEqual(namesOf("() => typeof maybe === 'undefined' ? 0 : maybe"), []);
  assert.deepEqual(namesOf("((nothing"), []);
  assert.equal(freeNames("() => { globalThis.x = 1 }").mayDefine, true);
  assert.equal(freeNames("(x) => x").mayDefine, false);
});

Deno.test("free names: each once, where it is first used", () => {
  assert.deepEqual(freeNames("(x) => {\n  return x +\n    far + far;\n}").names, [
    { name: "far", line: 3, column: 5 },
  ]);
});

Deno.test("known names: pushed ones, and words of executed code, within bounds", () => {
  const known = new KnownNames();
  const use = { name: "x", line: 1, column: 7, owner: "f", source: "() => x" };
  assert.throws(() => known.check([use]), (error: Error) => {
    assert(error instanceof UnresolvedName);
    assert.match(error.message, /\n {4}\(\) => x\n {10}\^\n/);
    return true;
  });
  known.add(["y"]);
  assert.throws(() => known.check([use]), UnresolvedName);
  known.addCode("const { x } = await load()");
  known.check([use, { ...use, name: "y" }]);
  for (let i = 0; i < 1000; i++) known.addCode(`let name${i}`);
  known.check([{ ...use, name: "name0" }, { ...use, name: "name999" }]);
  for (let i = 0; i < 101; i++) known.add(Array.from({ length: 1000 }, (_, j) => `n${i}_${j}`));
  known.check([{ ...use, name: "nobody knows any more" }]);
});
