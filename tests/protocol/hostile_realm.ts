/**
 * Run by values_error_test.ts as a program: codes values, replaces every built-in that can be replaced, and codes them again.
 * Prints the bytes before, after, and those of an error.
 */
import { encodeError, encodeValue, readValue, ValueWriter } from "../../src/protocol/values.ts";

const write = Deno.stdout.writeSync.bind(Deno.stdout);
const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;
const exit = Deno.exit;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);

function show(bytes: Uint8Array): Uint8Array {
  let text = "";
  for (let i = 0; bytes[i] !== undefined; i++) text += (i === 0 ? "" : ",") + bytes[i];
  return encode(text + "\n");
}

function sample(): unknown {
  return [
    { a: 1, "b c": [1.5, "text", accents, long, 2n ** 70n, 5n, -0] },
    map,
    set,
    date,
    pattern,
    floats,
    view,
    boxed,
    [1, undefined, null, true],
  ];
}

const map = new Map<unknown, unknown>([["k", { v: 1 }]]);
const set = new Set([1, "two"]);
const date = new Date(5);
const pattern = /x/g;
const floats = new Float64Array([1, 2]);
const view = new DataView(new ArrayBuffer(4));
const boxed = Object(5);
const [accents, long] = ["é".repeat(50), "x".repeat(100)];
const arrayPrototype = Array.prototype;
const failure = new RangeError("after");

const writer = new ValueWriter();
writer.write(sample());
const before = show(writer.bytes());

/** Replaces what an object has by functions that throw. */
function spoil(target: object): void {
  const keys = ownKeys(target);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const descriptor = getOwnPropertyDescriptor(target, key);
    if (descriptor === undefined || !(descriptor.configurable || descriptor.writable)) continue;
    const thrower = () => {
      throw "spoilt " + (typeof key === "symbol" ? "symbol" : key);
    };
    if (descriptor.configurable) {
      const isValue = typeof descriptor.value !== "function" && descriptor.get === undefined;
      if (!isValue) defineProperty(target, key, { get: () => thrower, set: thrower, configurable: true });
    }
  }
}

const names = [
  ...["Array", "Map", "Set", "Date", "RegExp", "String", "Number", "Boolean", "BigInt", "Symbol", "Object"],
  ...["Error", "RangeError", "TypeError", "AggregateError", "ArrayBuffer", "DataView", "Uint8Array"],
  ...[
    "Float64Array",
    "TextEncoder",
    "TextDecoder",
    "Reflect",
    "Math",
    "JSON",
    "Function",
    "Promise",
    "DOMException",
  ],
];
const victims: object[] = [];
for (const name of names) {
  const value = Reflect.get(globalThis, name) as { prototype?: object };
  if (value.prototype !== undefined) victims.push(value.prototype);
  if (name === "Uint8Array") victims.push(getPrototypeOf(value.prototype!), getPrototypeOf(value));
  if (name === "Array") {
    victims.push(getPrototypeOf([][Symbol.iterator]()), getPrototypeOf(map[Symbol.iterator]()));
  }
  victims.push(value);
}
for (const name of names) {
  defineProperty(globalThis, name, { value: undefined, writable: true, configurable: true });
}
for (let i = 0; i < 10; i++) {
  defineProperty(victims[0]!, i, {
    set: () => {
      throw "an index setter";
    },
    get: () => "forged",
    configurable: true,
  });
}
for (let i = 0; i < victims.length; i++) spoil(victims[i]!);

const again = new ValueWriter();
again.write(sample());
const after = show(again.bytes());
const error = show(encodeError(failure));
// Arrays that are read are the task's own: setters of indexes may spoil those, and nothing else.
for (let i = 0; i < 10; i++) delete arrayPrototype[i];
const round = encodeValue(readValue(again.bytes())).body;
write(before);
write(after);
write(error);
write(show(round));
exit(0);
