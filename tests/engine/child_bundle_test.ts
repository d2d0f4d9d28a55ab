import assert from "node:assert/strict";
import { buildChildBundle } from "../../src/engine/bundle_build.ts";

Deno.test({
  name: "child_bundle.js is what its sources make: run `deno task bundle`",
  // esbuild's own process and its streams outlive the build.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const file = new URL("../../src/engine/child_bundle.js", import.meta.url);
    assert.ok(await Deno.readTextFile(file) === await buildChildBundle(), "child_bundle.js is out of date");
  },
});
