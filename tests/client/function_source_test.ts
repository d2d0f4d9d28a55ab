import assert from "node:assert/strict";
import { sourceText } from "../../src/client/function_source.ts";

Deno.test("what esbuild writes around inner functions goes along, and is no free name", () => {
  const built = new Function(`return function outer(n) {
    const inner = /* @__PURE__ */ __name((x) => x + other, "inner");
    return [inner(n), inner.name];
  }`)();
  const { source, free } = sourceText(built);
  assert.deepEqual(free.names.map(({ name }) => name), ["other"]);
  const run = new Function("other", `return (${source})`)(2);
  assert.deepEqual(run(40), [42, "inner"]);
});

Deno.test("a function without it travels as it is", () => {
  const plain = (n: number) => n + 1;
  assert.equal(sourceText(plain).source, plain.toString());
});
