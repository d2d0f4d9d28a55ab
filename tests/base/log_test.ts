/** Lines that a logger writes: readable, one per event, whatever is in them. */
import assert from "node:assert/strict";
import { createLogger, parseLogLevel, silentLogger } from "../../src/base/log.ts";

function collecting(options: Parameters<typeof createLogger>[0] = {}) {
  const lines: string[] = [];
  const log = createLogger({ name: "hub", clock: () => 1e12, write: (line) => lines.push(line), ...options });
  return { log, lines };
}

Deno.test("a line holds time, level, name, text and fields", () => {
  const { log, lines } = collecting();
  log.info("Engine registered", { engine: 3, uuid: "ab-1", note: "two words" });
  assert.deepEqual(lines, [
    '2001-09-09T01:46:40.000Z info hub Engine registered engine=3 uuid=ab-1 note="two words"',
  ]);
});

Deno.test("levels below the logger's own are not written", () => {
  const { log, lines } = collecting({ level: "warn" });
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(lines.map((line) => line.split(" ")[1]), ["warn", "error"]);
  silentLogger().error("nobody hears it");
});

Deno.test("with() adds fields to each line, and a line's own fields win", () => {
  const { log, lines } = collecting();
  log.with({ peer: "x", n: 1 }).with({ n: 2 }).info("t", { n: 3 });
  assert.match(lines[0]!, / t peer=x n=3$/);
});

Deno.test("text and values cannot begin a second line", () => {
  const { log, lines } = collecting();
  log.info("a\nb", { key: "c\nd\u2028e", empty: "", quote: '"', escape: "\u001b[2J" });
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0]!, /[\n\u2028]|\p{Cc}/u);
});

Deno.test("values that cannot be shown do not make a line fail", () => {
  const { log, lines } = collecting();
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const hostile = {
    toJSON() {
      throw new Error("no");
    },
  };
  log.info("t", {
    circular,
    hostile,
    big: 2n ** 70n,
    error: new TypeError("bad", { cause: new Error("why") }),
  });
  assert.match(
    lines[0]!,
    /circular="\(cannot be shown\)" hostile="\(cannot be shown\)" big=1180591620717411303424/,
  );
  assert.match(lines[0]!, /error="TypeError: bad \(Error: why\)"/);
});

Deno.test("json lines parse, and fields never replace the line's own", () => {
  const { log, lines } = collecting({ format: "json" });
  log.warn("t", { level: "mine", n: 2, map: { a: 1 } });
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "2001-09-09T01:46:40.000Z",
    level: "warn",
    name: "hub",
    text: "t",
    level_: "mine",
    n: 2,
    map: '{"a":1}',
  });
});

Deno.test("parseLogLevel() reads our names, Python's and numbers", () => {
  assert.deepEqual(["debug", "INFO", "WARNING", "critical", "10", "35", "0"].map(parseLogLevel), [
    "debug",
    "info",
    "warn",
    "error",
    "debug",
    "error",
    "debug",
  ]);
  assert.throws(() => parseLogLevel("loud"), RangeError);
  assert.throws(() => parseLogLevel(""), RangeError);
});
