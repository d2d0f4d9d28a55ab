/**
 * docs/ipyparallel.md against what it speaks of: ipyparallel's names, the exports here, the tests.
 *
 * The names are in ipyparallel_names.json, as ipyparallel_names.py prints them; where there is a Python with ipyparallel they are made anew and compared.
 */
import assert from "node:assert/strict";
import { NEEDS_PYTHON, PYTHON } from "../system/python_peers.ts";
import { membersOf, publicSymbols } from "./public_symbols.ts";

const ROOT = new URL("../../", import.meta.url);
const NAMES = new URL("ipyparallel_names.json", import.meta.url);

/** One line of a table. */
interface Row {
  readonly section: string;
  readonly theirs: string;
  readonly ours: string;
  readonly tests: string;
  readonly place: string;
}

/** What stands for itself in the middle column, beside the classes' own names. */
const RECEIVERS: Readonly<Record<string, readonly string[]>> = {
  client: ["Client"],
  view: ["DirectView", "LoadBalancedView"],
  result: ["AsyncResult"],
  map: ["MapResult"],
  group: ["ResultGroup"],
  cluster: ["Cluster"],
};

/** Which view a section is about. */
const VIEWS: Readonly<Record<string, readonly string[]>> = {
  DirectView: ["DirectView"],
  LoadBalancedView: ["LoadBalancedView"],
};

/** Sections that speak of something else than their titles say. */
const TITLES: Readonly<Record<string, readonly string[]>> = {
  "Views, all of them": ["View"],
  "The package": ["the package"],
};

/** Code that is no TypeScript: commands, and files. */
const ELSEWHERE = /^tsparallel |^[\w/]+\.\w+$(?<=\.(ts|jsonc))/;

/** Rows that show nothing of ours need no test. */
const WITHOUT_TEST = /^(\*\*Python's own\*\*|not yet)/;

async function rows(): Promise<Row[]> {
  const found: Row[] = [];
  let section = "";
  for (
    const [i, line] of (await Deno.readTextFile(new URL("docs/ipyparallel.md", ROOT))).split("\n").entries()
  ) {
    section = /^## (.*)$/.exec(line)?.[1] ?? section;
    const cells = /^\| (.*) \| (.*) \|(?: (.*))? \|$/.exec(line);
    if (cells === null || /^(-+|ipyparallel 9\.2)$/.test(cells[1] ?? "")) continue;
    const [, theirs = "", ours = "", tests = ""] = cells;
    found.push({ section, theirs, ours, tests, place: `docs/ipyparallel.md:${i + 1}` });
  }
  return found;
}

async function theirNames(): Promise<Readonly<Record<string, readonly string[]>>> {
  return JSON.parse(await Deno.readTextFile(NAMES));
}

/** Code in a cell. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

Deno.test("the table has every name of ipyparallel, in the section of its class", async () => {
  const table = await rows(), names = await theirNames();
  const bySection = Map.groupBy(table, ({ section }) => section);
  const said = new Map<string, Set<string>>();
  for (const [section, lines] of bySection) {
    const words = lines.flatMap(({ theirs }) => codes(theirs)).map((code) => /^\w+/.exec(code)?.[0] ?? code);
    for (const name of TITLES[section] ?? section.split(", ")) said.set(name, new Set(words));
  }
  const missing = Object.entries(names).flatMap(([owner, own]) =>
    own.filter((name) => said.get(owner)?.has(name) !== true).map((name) => `${owner}.${name}`)
  );
  assert.deepEqual(missing, []);
  const sections = [...said.keys()].filter((owner) => !(owner in names));
  assert.deepEqual(sections, [], "no section without a class");
});

Deno.test("what the table says of us is there", async () => {
  const symbols = await publicSymbols();
  const wrong: string[] = [];
  for (const { section, ours, place } of await rows()) {
    for (const code of codes(ours).filter((code) => !ELSEWHERE.test(code))) {
      for (const [, owner = "", member = ""] of code.matchAll(/(?<![\w."])([A-Za-z]\w*)\.([A-Za-z]\w*)/g)) {
        const owners = owner === "view" ? VIEWS[section] ?? RECEIVERS.view : RECEIVERS[owner] ?? [owner];
        const known = owners?.filter((name) => symbols.has(name)) ?? [];
        if (known.length === 0 && !(owner in globalThis)) {
          wrong.push(`${place}: no "${owner}" in \`${code}\``);
        }
        if (known.length > 0 && !known.some((name) => membersOf(symbols, name).has(member))) {
          wrong.push(`${place}: ${known.join(" or ")} has no "${member}"`);
        }
      }
      const [alone] = /^[A-Z]\w*$/.exec(code) ?? [];
      if (alone !== undefined && !symbols.has(alone)) wrong.push(`${place}: "${alone}" is not exported`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("options that the table names are there", async () => {
  const symbols = await publicSymbols();
  const options = new Set(
    [...symbols].flatMap(([name, { kind, fields }]) =>
      kind === "interface" ? [...fields, ...membersOf(symbols, name)] : fields
    ),
  );
  const wrong: string[] = [];
  for (const { ours, place } of await rows()) {
    for (const code of codes(ours)) {
      for (const [, list = ""] of code.matchAll(/\{ ([^{}]*) \}/g)) {
        // `{ a: 1 }` and `{ a: number }` are examples of values.
        const keys = list.split(", ").map((part) => /^(\w+)(?=$|:)/.exec(part)?.[1] ?? "");
        for (const key of keys) {
          if (key !== "" && !options.has(key) && !EXAMPLES.has(key)) {
            wrong.push(`${place}: no option "${key}"`);
          }
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

/** Keys that are no options: variables that are pushed, modules, nodes, keys of a record. */
const EXAMPLES: ReadonlySet<string> = new Set(["a", "np", "name", "client_uuid", "msg_id", "value"]);

Deno.test("each row is shown by a test that exists", async () => {
  const wrong: string[] = [];
  const named = new Map<string, readonly string[]>();
  let above = "";
  for (const { ours, tests, place } of await rows()) {
    if (tests.startsWith("the same") && above !== "") continue;
    const groups = [...tests.matchAll(/`([\w/.]+_test\.ts)`((?: "[^"]+";?)*)/g)];
    if (groups.length === 0 && !WITHOUT_TEST.test(ours)) wrong.push(`${place}: names no test`);
    for (const [, file = "", quoted = ""] of groups) {
      if (!named.has(file)) named.set(file, await testNames(file));
      const parts = [...quoted.matchAll(/"([^"]+)"/g)].map(([, part = ""]) => part);
      if (parts.length === 0) wrong.push(`${place}: names no test of ${file}`);
      for (const part of parts) {
        if (!named.get(file)?.some((name) => name.includes(part))) {
          wrong.push(`${place}: no test "${part}" in ${file}`);
        }
      }
    }
    above = tests;
  }
  assert.deepEqual(wrong, []);
});

/** Names of a file's tests and steps, as they stand there. */
async function testNames(file: string): Promise<string[]> {
  const source = await Deno.readTextFile(new URL(`tests/${file}`, ROOT)).catch(() => "");
  const texts = source.matchAll(
    /\b(?:\w*[tT]est|step)\(\s*(?:\{\s*name:\s*)?(["`])((?:(?!\1)[^\\]|\\.)*)\1/g,
  );
  return [...texts].map(([, , name = ""]) => name);
}

Deno.test({
  name: `the list of names is ipyparallel's own ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    const program = new URL("ipyparallel_names.py", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(PYTHON ?? "", { args: [program.pathname] })
      .output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.deepEqual(await theirNames(), JSON.parse(new TextDecoder().decode(stdout)));
  },
});
