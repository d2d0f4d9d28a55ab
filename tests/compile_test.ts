import assert from "node:assert/strict";
import { explain, isNeeded } from "./compile.ts";

Deno.test("isNeeded() keeps code and data, and leaves out types, maps, manuals and other machines' libraries", () => {
  assert.ok(isNeeded("commander", "lib/command.js"));
  assert.ok(isNeeded("vega-datasets", "package.json"));
  assert.ok(isNeeded("vega-datasets", "LICENSE.md"));
  assert.ok(isNeeded("vega-datasets", "data/flights-3m.parquet"));
  assert.ok(!isNeeded("vega-datasets", "data/flights-200k.json"));
  assert.ok(!isNeeded("commander", "typings/index.d.ts"));
  assert.ok(!isNeeded("sucrase", "dist/index.js.map"));
  assert.ok(!isNeeded("valibot", "README.md"));
  assert.ok(!isNeeded("zeromq", "build/win32/ia32/node/72/addon.node"));
});

Deno.test("explain() names DENORT_BIN where Deno's base executable could not be had", () => {
  const errors = "error: Writing deno compile executable\n\nCaused by:\n    0: Setting up base binary.\n";
  assert.match(explain(errors), /^Cannot compile: Deno could not get its base executable .* DENORT_BIN$/);
  assert.equal(explain("error: Module not found"), "Cannot compile:\nerror: Module not found");
});
