/** Python's literals as configuration files have them. */
import assert from "node:assert/strict";
import { type Literal, NotALiteral, pythonLiteral } from "../../src/cli/python_literal.ts";

const READ: readonly (readonly [string, Literal])[] = [
  ["250", 250],
  ["-1", -1],
  ["+3", 3],
  ["1_000", 1000],
  ["0x10", 16],
  ["0o17", 15],
  ["0b101", 5],
  [".5", 0.5],
  ["1e3", 1000],
  ["1.", 1],
  ["True", true],
  ["False", false],
  ["None", null],
  ["'a b'", "a b"],
  ['"it\'s"', "it's"],
  [String.raw`'a\'b\n\x41\u00e9\\'`, "a'b\nA\u00e9\\"],
  [String.raw`r'C:\new'`, String.raw`C:\new`],
  ["b'key'", "key"],
  ["u'text'", "text"],
  ["'''two\nlines'''", "two\nlines"],
  ["'one' 'and two'", "oneand two"],
  ["[]", []],
  ["[1, 'a', None,]", [1, "a", null]],
  ["[\n  1,  # one\n  2,\n]", [1, 2]],
  ["(1, 2)", [1, 2]],
  ["(1,)", [1]],
  ["(1)", 1],
  ["()", []],
  ["{'a': [1], 2: True}", { a: [1], "2": true }],
  ["{}", {}],
  ["range(3)", [0, 1, 2]],
  ["range(10101, 10104)", [10101, 10102, 10103]],
  ["range(6, 0, -2)", [6, 4, 2]],
  ["  7  ", 7],
];

Deno.test("pythonLiteral() reads what Python writes", () => {
  for (const [text, value] of READ) assert.deepEqual(pythonLiteral(text), value, text);
});

const REFUSED = [
  "",
  "abc",
  "True2",
  "1 2",
  "1 + 1",
  "os.getcwd()",
  "'open",
  "[1",
  "[1 2]",
  "{1}",
  "{'a' 1}",
  "f'{x}'",
  "12abc",
  "range(1e9)",
  "range(0, 1, 0)",
  "range(100000)",
  "__import__('os').system('true')",
  "[".repeat(1000),
];

Deno.test("pythonLiteral() refuses everything that would have to be run", () => {
  for (const text of REFUSED) assert.throws(() => pythonLiteral(text), NotALiteral, text);
});
