import assert from "node:assert/strict";
import { closingLine, judge, skipLines, tallyOf } from "./run.ts";

const JUNIT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.097">
    <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
        <testcase name="a &lt;ok&gt; &amp;lt; more" classname="./a_test.ts" time="0.000" line="1" col="6">
        </testcase>
        <testcase name="&quot;b&quot; talks (needs Python)" classname="./a_test.ts" time="0.000" line="1" col="43">
            <skipped/>
        </testcase>
        <testcase name="c" classname="./a_test.ts" time="0.002" line="1" col="102">
            <failure message="Uncaught Error: x">Error: x &lt;testcase</failure>
        </testcase>
        <testcase name="d" classname="./a_test.ts" time="0.002" line="1" col="102">
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("tallyOf() counts passed, failed and skipped tests", () => {
  assert.deepEqual(tallyOf(JUNIT), { passed: 2, failed: 1, skipped: ['"b" talks (needs Python)'] });
  assert.deepEqual(tallyOf(""), { passed: 0, failed: 0, skipped: [] });
});

Deno.test("skipLines() lists skipped tests by what they need", () => {
  assert.deepEqual(skipLines(["a (needs Python)", "b", "c (needs Python)"]), [
    "2 skipped, needing Python:",
    "    a (needs Python)",
    "    c (needs Python)",
    "1 skipped, needing a reason that its name does not tell:",
    "    b",
  ]);
});

Deno.test("judge() takes a failure outside of any test, and a skip where none is allowed, for a failure", () => {
  const clean = { passed: 3, failed: 0, skipped: [] };
  const skipping = { ...clean, skipped: ["a"] };
  assert.equal(closingLine(judge(clean, { code: 0, allowSkips: true })), "3 passed, 0 failed");
  assert.equal(closingLine(judge(clean, { code: 1, allowSkips: true })), "3 passed, 1 failed");
  assert.equal(closingLine(judge(skipping, { code: 0, allowSkips: true })), "3 passed, 0 failed, 1 skipped");
  assert.equal(closingLine(judge(skipping, { code: 0, allowSkips: false })), "3 passed, 1 failed");
});
