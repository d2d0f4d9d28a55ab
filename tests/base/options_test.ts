/** Options: which value counts, what is refused, and which name is the nearest. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  alsoFrom,
  checkSection,
  choice,
  chooseOptions,
  environmentName,
  flag,
  flagName,
  nearest,
  number,
  numberOrNone,
  OptionError,
  ports,
  text,
  textOrNone,
  texts,
} from "../../src/base/options.ts";

const TABLE = {
  pingMs: number(3000, { unit: "ms", min: 10, max: 600_000 }, "Time between heartbeats"),
  hwm: numberOrNone(null, { unit: "tasks" }, "Tasks ahead of an engine"),
  scheme: choice("leastload", ["leastload", "lru", "plainrandom"], "Which engine gets a task"),
  location: text("", "host", "Where this machine is"),
  file: textOrNone("path", "A connection file"),
  reuse: flag("Keep the connection files"),
  engineArgs: texts("word", "Passed on"),
};

Deno.test("chooseOptions() takes flag over environment over profile over default", () => {
  const environment = (name: string) => ({ TSPARALLEL_PING_MS: "20", TSPARALLEL_HWM: "2" })[name];
  const profile = { pingMs: 30, hwm: 3, location: "here" };
  const chosen = chooseOptions(TABLE, {
    flags: { pingMs: "10" },
    environment,
    profile,
    section: "controller",
  });
  assert.deepEqual(chosen, {
    pingMs: 10,
    hwm: 2,
    scheme: "leastload",
    location: "here",
    file: null,
    reuse: false,
    engineArgs: [],
  });
});

Deno.test("chooseOptions() takes away a profile's number by none", () => {
  assert.equal(chooseOptions(TABLE, { flags: { hwm: "none" }, profile: { hwm: 3 } }).hwm, null);
});

Deno.test("chooseOptions() says what an option takes", () => {
  const message = (flags: Record<string, unknown>) => {
    try {
      chooseOptions(TABLE, { flags });
    } catch (error) {
      assert(error instanceof OptionError);
      return error.message;
    }
    return "taken";
  };
  assert.equal(
    message({ pingMs: "soon" }),
    'Cannot use "soon" for "--ping-ms": it takes a whole number (ms)',
  );
  assert.equal(message({ pingMs: "5" }), 'Cannot use "5" for "--ping-ms": it takes 10 to 600000 (ms)');
  assert.equal(message({ pingMs: "1e99" }), 'Cannot use "1e99" for "--ping-ms": it takes 10 to 600000 (ms)');
  assert.equal(message({ pingMs: "250" }), "taken");
  assert.equal(
    message({ scheme: "leastlaod" }),
    'Cannot use "leastlaod" for "--scheme": it takes leastload, lru, plainrandom, did you mean "leastload"?',
  );
  assert.equal(message({ reuse: "maybe" }), 'Cannot use "maybe" for "--reuse": it takes true or false');
  assert.equal(message({ engineArgs: 3 }), 'Cannot use 3 for "--engine-args": it takes a list of texts');
});

Deno.test("checkSection() names the nearest key of an unknown one, and checks values", () => {
  checkSection("engine", { pingMs: 100, engineArgs: ["--a"] }, TABLE);
  assert.throws(
    () => checkSection("engine", { pingms: 1 }, TABLE),
    { message: 'Unknown key "engine.pingms", did you mean "pingMs"?' },
  );
  assert.throws(() => checkSection("engine", { toString: 1 }, TABLE), /Unknown key "engine.toString"/);
  assert.throws(() => checkSection("engine", { pingMs: {} }, TABLE), /Cannot use {} for "engine.pingMs"/);
});

Deno.test("names of flags and variables follow from the option's name", () => {
  assert.equal(flagName("memoryLimitMB"), "--memory-limit-mb");
  assert.equal(environmentName("runTimeoutMs"), "TSPARALLEL_RUN_TIMEOUT_MS");
});

Deno.test("nearest() finds a word behind one slip, and nothing far away", () => {
  const words = ["controller", "engine", "cluster", "status"];
  assert.equal(nearest("contorller", words), "controller");
  assert.equal(nearest("engines", words), "engine");
  assert.equal(nearest("zzzzzz", words), undefined);
  fc.assert(fc.property(fc.constantFrom(...words), fc.nat(), (word, at) => {
    const cut = at % word.length;
    assert.equal(nearest(word.slice(0, cut) + word.slice(cut + 1), words), word);
  }));
});

Deno.test("ports() reads ranges, lists and numbers, and refuses what is no port", () => {
  const option = ports("Ports");
  assert.deepEqual(option.read("10101-10103", "x"), [10101, 10102, 10103]);
  assert.deepEqual(option.read("1, 3-4,6", "x"), [1, 3, 4, 6]);
  assert.deepEqual(option.read(["1-2", "5"], "x"), [1, 2, 5]);
  assert.deepEqual(option.read([7, 8], "x"), [7, 8]);
  assert.deepEqual(option.read(9, "x"), [9]);
  for (
    const value of ["", "0", "65536", "5-3", "a", "1-", "-1", [70000], null, true, "1,,2", "99999999999-1"]
  ) {
    assert.throws(() => option.read(value, "--ports"), /for "--ports": it takes ports from 1 to 65535/);
  }
});

Deno.test("an option takes other programs' variables behind its own, and errors name what the user wrote", () => {
  const table = { key: alsoFrom(number(0, { unit: "n" }, "Key"), "OTHER_KEY") };
  const environment = (set: Record<string, string>) => (name: string) => set[name];
  const value = (set: Record<string, string>) => chooseOptions(table, { environment: environment(set) }).key;
  assert.equal(value({ OTHER_KEY: "1" }), 1);
  assert.equal(value({ OTHER_KEY: "1", TSPARALLEL_KEY: "2" }), 2);
  assert.throws(() => value({ OTHER_KEY: "x" }), /for "OTHER_KEY"/);
  const names = new Map([["--key", "--Session.key"]]);
  assert.throws(() => chooseOptions(table, { flags: { key: "x" }, names }), /for "--Session\.key"/);
});
