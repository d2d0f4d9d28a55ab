/** What a task says, where pieces of it were lost on the way. */
import assert from "node:assert/strict";
import { TaskOutput } from "../../src/client/task_state.ts";

Deno.test("output is completed by the record's, wherever the gap is, and who follows it hears what was missing", () => {
  const cases: readonly [had: string, whole: string, heard: string][] = [
    ["begun\n", "begun\nended\n", "ended\n"],
    ["ended\n", "begun\nended\n", "begun\n"],
    ["a\nc\n", "a\nb\nc\n", "b\n"],
    ["", "all\n", "all\n"],
    ["all\n", "all\n", ""],
  ];
  for (const [had, whole, expected] of cases) {
    const output = new TaskOutput();
    let heard = "";
    output.add("stdout", had);
    output.listen((_, text) => heard += String(text));
    output.expect([new TextEncoder().encode(whole).length, 0, 0]);
    output.complete("stdout", whole);
    assert.deepEqual([output.stdout, heard, output.isComplete], [whole, expected, true]);
  }
});
