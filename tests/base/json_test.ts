import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { jsonText, parseJson } from "../../src/base/json.ts";

Deno.test("parseJson() keeps every digit of whole numbers, jsonText() writes them again", () => {
  for (
    const text of [
      "9007199254740993",
      "-9007199254740993",
      "123456789012345678901234567890",
      '{"a":[18446744073709551615,1,{"b":-9223372036854775808}],"c":"12345678901234567890"}',
      '{"__proto__":9007199254740993}',
    ]
  ) equal(jsonText(parseJson(text)), text);
  deepEqual(parseJson("[9007199254740993, 9007199254740991]"), [9007199254740993n, 9007199254740991]);
});

Deno.test("parseJson() leaves fractions, exponents and text as they are", () => {
  deepEqual(parseJson("[0.30000000000000004, 1e20, 12345678901234567.5, 1234567890123456e3]"), [
    0.30000000000000004,
    1e20,
    12345678901234567.5,
    1234567890123456e3,
  ]);
  deepEqual(parseJson('"12345678901234567890"'), "12345678901234567890");
  equal(parseJson("9".repeat(5000)), Infinity);
});

Deno.test("parseJson() finds a long number wherever it stands", () => {
  for (let before = 0; before < 40; before++) {
    for (let length = 16; length < 40; length++) {
      const digits = "9".repeat(length);
      deepEqual(parseJson(`${" ".repeat(before)}[${digits}]`), [BigInt(digits)]);
    }
  }
});

Deno.test("jsonText() and parseJson() are JSON's own for all other values", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value);
    equal(jsonText(value), text);
    equal(jsonText(parseJson(text)), text);
    if (!/\d{16}/.test(text)) deepEqual(parseJson(text), JSON.parse(text));
  }));
  throws(() => parseJson("{1}"), SyntaxError);
  const cycle: unknown[] = [];
  cycle.push(cycle);
  throws(() => jsonText(cycle), TypeError);
});
