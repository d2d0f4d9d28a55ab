/** The parts of an engine as a Jupyter kernel that need no engine: what a cursor points to, whole cells, history, files, tracebacks. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { cellTraceback, placedError } from "../../src/engine/cell_errors.ts";
import { pathAt, toPoints, toUnits, typedAt } from "../../src/engine/code_cursor.ts";
import { tokensOf } from "../../src/engine/code_lexer.ts";
import { History, isLike } from "../../src/engine/history.ts";
import { isComplete } from "../../src/engine/is_complete.ts";
import { readKernelFile, writeKernelFile } from "../../src/engine/kernel_file.ts";
import type { Path, Step } from "../../src/engine/reflection.ts";

/** A path as text. */
function written(path: Path | null): string | null {
  if (path === null) return null;
  let text = path.literal === null ? path.root ?? "" : `<${path.literal}>`;
  for (let step: Step | null = path.steps; step !== null; step = step.next) text += `|${step.key}`;
  return text;
}

Deno.test("typedAt() finds path and prefix", () => {
  const cases: readonly (readonly [code: string, path: string | null, prefix?: string])[] = [
    ["a.b.c", "a|b", "c"],
    ["x = a . b.", "a|b", ""],
    ["a?.['b'][0].c", "a|b|0", "c"],
    ["a[`b`].c", "a|b", "c"],
    ["f(a.b", "a", "b"],
    ["/* c */ a./* d */b", "a", "b"],
    ["a / b.c", "b", "c"],
    ["return /x.y/.fl", "<regexp>", "fl"],
    ["`${a.b}`.le", null],
    ["'t'.le", "<string>", "le"],
    ["this.b", "globalThis", "b"],
    ["ab", "", "ab"],
    ["", "", ""],
    ["a[b].c", null],
    ["a().b", null],
    ["(a).b", null],
    ["1.", null],
    ["a.#b", "a", "#b"],
    ["'a.b", null],
    ["// a.b", null],
    ["`a.b", null],
    ["`${x} a.b", null],
    ["`${ {a: 1} } ${a.b", "a", "b"],
    ["a['b", "a", "b"],
    ['a?.["b', "a", "b"],
    ["['b", null],
  ];
  for (const [code, path, prefix] of cases) {
    const typed = typedAt(code, code.length);
    assert.deepEqual([code, written(typed?.path ?? null), typed?.prefix], [code, path, prefix]);
  }
});

Deno.test("pathAt() finds what the cursor stands in, or the function that is called", () => {
  const cases: readonly (readonly [code: string, cursor: number, path: string | null])[] = [
    ["abc.def", 1, "abc"],
    ["abc.def", 5, "abc|def"],
    ["f(1, [2, {", 10, null],
    ["f(1, [2], ", 10, "f"],
    ["a.f(g(1), ", 10, "a|f"],
    ["f(", 2, "f"],
    ["(1 + ", 5, null],
    ["", 0, null],
  ];
  for (const [code, cursor, path] of cases) {
    assert.deepEqual([code, cursor, written(pathAt(code, cursor))], [code, cursor, path]);
  }
});

Deno.test("positions in code points go to units and back, also beyond the ends and at half a pair", () => {
  const text = "a𝒳é\ud83db";
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, -1].map((at) => toUnits(text, at)), [0, 1, 3, 4, 5, 6, 6, 0]);
  const part = fc.constantFrom("a", "é", "𝒳", "\ud83d", "\ude00", "\n");
  fc.assert(fc.property(fc.array(part), fc.nat(30), (parts, points) => {
    const code = parts.join("");
    const units = toUnits(code, points);
    assert.ok(units <= code.length);
    assert.equal(toPoints(code, units), Math.min(points, [...code].length));
  }));
});

Deno.test("the lexer takes any text, in order, to its end", () => {
  const piece = fc.constantFrom(
    "a",
    "'",
    '"',
    "`",
    "${",
    "}",
    "{",
    "/",
    "*",
    "//",
    "/*",
    "*/",
    "\n",
    " ",
    "\\",
    "(",
    ")",
    "[",
    "]",
    ".",
    "1",
    "𝒳",
    "\ud83d",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const code = pieces.join("");
      let at = 0;
      for (const { start, end } of tokensOf(code)) {
        assert.ok(start >= at && end > start && end <= code.length);
        at = end;
      }
      typedAt(code, code.length);
      pathAt(code, Math.floor(code.length / 2));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("what runs as a cell is complete, and no begin of a bracket is", () => {
  for (
    const code of [
      "let x = { a: [1, (2)] }",
      "async () => { await 1 }",
      "class A<T> { #b = `${1}` }",
      "import a from 'b'",
    ]
  ) {
    assert.equal(isComplete(code).status, "complete", code);
    for (let at = 1; at < code.length; at++) {
      const open = /[[({]$/.test(code.slice(0, at));
      if (open) assert.equal(isComplete(code.slice(0, at)).status, "incomplete", code.slice(0, at));
    }
  }
});

Deno.test("history is bounded, and its patterns are those of files", () => {
  const history = new History();
  const all = {
    output: false,
    session: 0,
    start: 0,
    stop: null,
    pattern: "*",
    unique: false,
    n: Infinity,
  } as const;
  for (let line = 1; line <= 1500; line++) history.add(line, `cell ${line}`, null);
  assert.equal(history.find({ ...all, hist_access_type: "tail" }).length, 1000);
  history.add(1501, "x".repeat(5 << 20), null);
  assert.deepEqual(history.find({ ...all, hist_access_type: "tail" }).map(([, line]) => line), [1501]);
  history.newSession();
  history.newSession();
  history.add(1, "next", "out");
  assert.deepEqual(history.find({ ...all, hist_access_type: "range", output: true }), [[2, 1, [
    "next",
    "out",
  ]]]);
  history.newSession();
  assert.equal(history.find({ ...all, hist_access_type: "range", session: -1 }).length, 1);
  for (
    const [pattern, is] of [["*b*d", true], ["a?cd", true], ["abc", false], ["*", true], ["?bcd?", false], [
      "",
      false,
    ]] as const
  ) {
    assert.equal(isLike("abcd", pattern), is, pattern);
  }
  assert.equal(isLike("a".repeat(100_000), "*a*a*a*a*b"), false);
});

Deno.test("a kernel's file: its own is for its owner only; a foreign one is checked", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/kernel.json`;
    assert.equal(readKernelFile(path), null);
    const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
    const rest = {
      ip: "127.0.0.1",
      key: "k",
      transport: "tcp",
      signature_scheme: "hmac-sha256",
      kernel_name: "",
    } as const;
    writeKernelFile(path, { ...ports, ...rest });
    assert.deepEqual(readKernelFile(path), { ...ports, ...rest });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["kernel.json"]);
    const wrong = [{ ip: "0.0.0.0" }, { key: "" }, { transport: "ipc" }, { signature_scheme: "md5" }, {
      hb_port: 70_000,
    }, { shell_port: "1" }];
    for (const change of wrong) {
      await Deno.writeTextFile(path, JSON.stringify({ ...ports, ...rest, ...change }));
      assert.throws(() => readKernelFile(path), new RegExp(Object.keys(change)[0]!));
    }
    await Deno.writeTextFile(path, "{");
    assert.throws(() => readKernelFile(path), /no JSON/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tracebacks name the cell's lines and nothing of the engine's", () => {
  const lines = [
    "Error: x",
    "    at f (cell_2.ts, <anonymous>:2:9)",
    "    at eval (cell_2.ts, <anonymous>:3:1)",
    "    at Namespace.#run (tsparallel:slot, <anonymous>:3:49)",
    "    at invokeCallback (ext:deno_node/internal/timers.mjs:4:810)",
  ];
  assert.deepEqual(cellTraceback(lines), ["Error: x", "    at f (cell_2.ts:2)", "    at cell_2.ts:3"]);
  const placed = placedError({ ename: "Error", evalue: "x", traceback: lines }, "1\n2\n3", 2);
  assert.ok(placed.traceback.includes("-> 2 | 2"), placed.traceback.join("\n"));
  const other = placedError({ ename: "Error", evalue: "x", traceback: [] }, "1", 2);
  assert.deepEqual(other.traceback, ["Error: x"]);
});
