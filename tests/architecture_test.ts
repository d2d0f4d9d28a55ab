/**
 * The rules of src/README.md as a test: which room may import which, which files may open a door to the world outside, and that cores
 * only decide. Each rule is tried on a planted violation too, so that a rule that sees nothing is noticed.
 */
import assert from "node:assert/strict";

/** What each room may import beside itself. The order is the order of the layers. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  native: ["base"],
  wire: ["base", "native"],
  protocol: ["base", "native"],
  scheduler: ["base", "wire", "protocol"],
  hub: ["base", "wire", "protocol"],
  engine: ["base", "native", "wire", "protocol"],
  client: ["base", "wire", "protocol"],
  controller: ["base", "native", "wire", "protocol", "scheduler", "hub"],
  cluster: ["base", "native", "protocol", "client"],
  demo: ["base", "protocol", "client", "cluster"],
  cli: [
    "base",
    "native",
    "wire",
    "protocol",
    "scheduler",
    "hub",
    "engine",
    "client",
    "controller",
    "cluster",
    "demo",
  ],
  main: ["cli"],
};

/** Narrower than the room: files that may import these files only. */
const FILES_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["src/cli/cli.ts", "src/engine/child_bundle.js"],
  "src/engine/sandbox_worker.ts": [
    "src/protocol/",
    "src/engine/",
    "src/base/ids.ts",
  ],
};

const CORE = /\/(core|policies|dependencies|registry|heartbeat)\.ts$/;

/** Files of protocol whose values a core may use; of all others it may import types only. */
const PURE_PROTOCOL = /^src\/protocol\/groups\w*\.ts$/;

interface Door {
  readonly to: string;
  readonly pattern: RegExp;
  readonly files: RegExp;
}

const DOORS: readonly Door[] = [
  { to: "C libraries", pattern: /\bDeno\s*\.\s*dlopen\b/, files: /^src\/(native\/|engine\/child)/ },
  { to: "SQLite", pattern: /["']node:sqlite["']/, files: /^src\/hub\/records_sqlite\w*\.ts$/ },
  { to: "MongoDB's driver", pattern: /["']mongodb["']/, files: /^src\/hub\/mongo_database\.ts$/ },
  {
    to: "Workers",
    pattern: /\bnew\s+Worker\s*\(/,
    files: /^src\/(engine\/(sandbox|child)\w*|controller\/\w+|hub\/\w*store\w*)\.ts$/,
  },
  {
    to: "processes",
    pattern: /\bDeno\s*\.\s*(Command|run)\b|["']node:child_process["']/,
    files:
      /^src\/(cluster\/(process|run_command)|wire\/tunnel|engine\/slot\w*|controller\/\w+|demo\/\w+)\.ts$/,
  },
  { to: "HTTP servers", pattern: /\bDeno\s*\.\s*serve\b/, files: /^src\/dashboard\/server\.ts$/ },
  {
    to: "the console",
    pattern: /\bconsole\s*\.\s*\w+\s*\(/,
    files: /^src\/(base\/log|cli\/\w+|demo\/\w+|engine\/(sandbox|child|output)\w*)\.ts$/,
  },
  {
    to: "arguments and exit",
    pattern: /\bDeno\s*\.\s*(args|exit)\b/,
    files: /^(main|src\/cli\/\w+|src\/engine\/(sandbox|child)\w*)\.ts$/,
  },
  { to: "Deno, in the client", pattern: /\bDeno\s*\./, files: /^(?!src\/client\/)/ },
];

const IMPURE: Readonly<Record<string, RegExp>> = {
  waits: /\bawait\b|\basync\b|\bnew\s+Promise\b|\bset(Timeout|Interval)\b/,
  "reads a clock": /\bDate\s*(\.|\()|\bnew\s+Date\b|\bperformance\s*\./,
  "takes chances": /\bMath\s*\.\s*random\b|\bcrypto\s*\./,
  "reaches outside": /\bDeno\s*\.|\bfetch\s*\(|\bprocess\s*\./,
  logs: /\bconsole\s*\./,
};

const IMPORT =
  /\b(?:import|export)\s+(type\s+)?(?:[\w$*{][^;"']*?\bfrom\s*)?["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']/g;

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

/** Every broken rule in one file, as sentences. */
function violations(file: string, source: string): string[] {
  const code = withoutComments(source);
  return [...brokenImports(file, code), ...openDoors(file, code), ...impurities(file, code)];
}

function brokenImports(file: string, code: string): string[] {
  const broken: string[] = [];
  for (const { target, isTypeOnly } of importsOf(file, code)) {
    const from = roomOf(file), to = roomOf(target);
    const only = FILES_MAY_IMPORT[file];
    if (only !== undefined) {
      if (!only.some((allowed) => target.startsWith(allowed))) {
        broken.push(`${file} may not import ${target}`);
      }
    } else if (from !== to && !(MAY_IMPORT[from] ?? []).includes(to)) {
      broken.push(`${file}: ${from} may not import ${to} (${target})`);
    }
    if (CORE.test(file) && !isPureImport(target, isTypeOnly)) {
      broken.push(`${file} is a core and may not import ${target}`);
    }
    if (/\/(mod|index)\.ts$/.test(target)) broken.push(`${file} imports a barrel: ${target}`);
  }
  return broken;
}

function isPureImport(target: string, isTypeOnly: boolean): boolean {
  if (isTypeOnly || PURE_PROTOCOL.test(target)) return true;
  if (target.startsWith("src/base/")) return !/\/(clock|log)\.ts$/.test(target);
  return !/^src\/(wire|protocol|native)\//.test(target);
}

function importsOf(file: string, code: string): Import[] {
  const found: Import[] = [];
  for (const [statement, type, fromStatement, fromCall] of code.matchAll(IMPORT)) {
    const specifier = fromStatement ?? fromCall ?? "";
    if (!specifier.startsWith(".")) continue;
    const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
    const allTypes = /\{([^}]*)\}/.exec(statement)?.[1]?.split(",").map((name) => name.trim()).filter(
      Boolean,
    );
    const isTypeOnly = type !== undefined || (allTypes?.every((name) => name.startsWith("type ")) ?? false);
    found.push({ target, isTypeOnly });
  }
  return found;
}

function roomOf(file: string): string {
  return file === "main.ts" ? "main" : /^src\/([^/]+)\//.exec(file)?.[1] ?? file;
}

function openDoors(file: string, code: string): string[] {
  const bare = withoutTexts(code);
  return DOORS
    .filter((door) => !door.files.test(file))
    .filter((door) => door.pattern.test(door.pattern.source.includes("node:") ? code : bare))
    .map((door) => `${file} opens a door to ${door.to}`);
}

function impurities(file: string, code: string): string[] {
  if (!CORE.test(file)) return [];
  const bare = withoutTexts(code);
  return Object.entries(IMPURE).filter(([, pattern]) => pattern.test(bare)).map(([what]) =>
    `${file} ${what}`
  );
}

/** Comments as blanks; texts stay. */
function withoutComments(source: string): string {
  return source.replace(PIECES, (piece) => /^\/[/*]/.test(piece) ? " " : piece);
}

/** Texts as empty texts; what stands in `${…}` goes with its template. */
function withoutTexts(source: string): string {
  return source.replace(PIECES, (piece) => /^["'`]/.test(piece) ? '""' : piece);
}

const PIECES =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`|\/\/[^\n]*|\/\*[^]*?\*\/|(?<=[=(,:?&|!]\s*)\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//g;

async function sources(): Promise<Map<string, string>> {
  const root = new URL("../", import.meta.url);
  const found = new Map<string, string>();
  const visit = async (folder: string) => {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) await visit(`${path}/`);
      else if (path.endsWith(".ts")) found.set(path, await Deno.readTextFile(new URL(path, root)));
    }
  };
  await visit("src/");
  found.set("main.ts", await Deno.readTextFile(new URL("main.ts", root)));
  return found;
}

Deno.test("every file keeps the rules of the rooms", async () => {
  const all = await sources();
  assert(all.size > 20, "the sources were found");
  const broken = [...all].flatMap(([file, source]) => violations(file, source));
  assert.deepEqual(broken, []);
});

Deno.test("every room has its line in the table", async () => {
  const rooms = new Set([...(await sources()).keys()].map(roomOf));
  assert.deepEqual([...rooms].filter((room) => !(room in MAY_IMPORT)), []);
});

const PLANTED: readonly (readonly [string, string, RegExp])[] = [
  ["src/base/a.ts", 'import { x } from "../hub/hub.ts";', /base may not import hub/],
  ["src/hub/a.ts", 'import type { X } from "../scheduler/core.ts";', /hub may not import scheduler/],
  ["src/hub/a.ts", 'export * from "../engine/engine.ts";', /hub may not import engine/],
  ["src/client/a.ts", 'const x = await import("../cluster/cluster.ts");', /client may not import cluster/],
  ["src/wire/a.ts", 'import "../protocol/frames.ts";', /wire may not import protocol/],
  ["src/wire/a.ts", 'import {\n  x,\n  y,\n} from "../protocol/frames.ts";', /wire may not import protocol/],
  ["src/cluster/a.ts", 'import { x } from "../hub/hub.ts";', /cluster may not import hub/],
  ["main.ts", 'import { x } from "./src/hub/hub.ts";', /main.ts may not import/],
  ["src/hub/core.ts", 'import { now } from "../base/clock.ts";', /is a core/],
  ["src/hub/core.ts", 'import { createMac } from "../protocol/mac.ts";', /is a core/],
  ["src/hub/core.ts", "export async function f() {}", /waits/],
  ["src/hub/core.ts", "const at = Date.now();", /reads a clock/],
  ["src/scheduler/policies.ts", "return Math.random();", /takes chances/],
  ["src/hub/registry.ts", "const f = `${1}`; Deno.readTextFileSync(f);", /reaches outside/],
  ["src/scheduler/core.ts", 'console.log("x")', /logs/],
  ["src/hub/hub.ts", 'console.log("x")', /door to the console/],
  ["src/hub/hub.ts", 'Deno.dlopen("libc.so.6", {})', /door to C/],
  ["src/hub/hub.ts", 'import { DatabaseSync } from "node:sqlite";', /door to SQLite/],
  ["src/client/a.ts", "Deno.cwd()", /door to Deno/],
  ["src/cluster/local.ts", 'new Deno.Command("x")', /door to processes/],
  ["src/hub/hub.ts", "new Worker(url)", /door to Workers/],
  ["src/hub/hub.ts", "Deno.exit(1)", /door to arguments and exit/],
];

Deno.test("a planted violation of each rule is found", () => {
  for (const [file, source, expected] of PLANTED) {
    assert.match(violations(file, source).join("\n"), expected, `${file}: ${source}`);
  }
});

Deno.test("what only looks like a violation is left alone", () => {
  const innocent: readonly (readonly [string, string])[] = [
    [
      "src/hub/core.ts",
      '// await Date.now()\n/* import { x } from "../wire/a.ts" */ const text = "Math.random()";',
    ],
    ["src/hub/core.ts", 'import type { Message } from "../protocol/frames.ts";'],
    ["src/hub/core.ts", 'import { type Message } from "../protocol/frames.ts";'],
    ["src/scheduler/core.ts", 'import { OP } from "../protocol/groups.ts";'],
    ["src/hub/hub.ts", 'const quote = /["\'`]/; import { x } from "../wire/socket.ts";'],
    ["src/client/a.ts", 'const hint = "Use Deno.cwd()";'],
  ];
  for (const [file, source] of innocent) assert.deepEqual(violations(file, source), [], source);
});
