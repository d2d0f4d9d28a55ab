/** docs/ipyparallel.md read as data, and what can be wrong with it. */
import { membersOf, type PublicSymbol } from "./public_symbols.ts";

/** One line of a table. */
export interface Row {
  readonly section: string;
  readonly theirs: string;
  readonly ours: string;
  readonly tests: string;
  /** For messages. */
  readonly place: string;
}

/** ipyparallel's names, by class. */
export type Names = Readonly<Record<string, readonly string[]>>;

export type Symbols = ReadonlyMap<string, PublicSymbol>;

/** What stands for itself in the middle column, beside the classes' own names. */
const RECEIVERS: Readonly<Record<string, readonly string[]>> = {
  client: ["Client"],
  view: ["DirectView", "LoadBalancedView", "BroadcastView"],
  result: ["AsyncResult"],
  map: ["MapResult"],
  group: ["ResultGroup"],
  cluster: ["Cluster"],
  task: ["TaskMaker"],
};

/** Sections that speak of something else than their titles say. */
const TITLES: Readonly<Record<string, readonly string[]>> = {
  "Views, all of them": ["View"],
  "The package": ["the package"],
};

/** Code that is no TypeScript: commands, and files. */
const ELSEWHERE = /^tsparallel |^[\w/]+\.(ts|jsonc)$/;

/** Rows that show nothing of ours need no test. */
const WITHOUT_TEST = /^(\*\*Python's own\*\*|not yet)/;

/** Keys that are no options: variables that are pushed, modules, nodes, keys of a record. */
const EXAMPLES: ReadonlySet<string> = new Set(["a", "np", "name", "client_uuid", "msg_id", "value"]);

/** The rows of all tables. */
export function rowsOf(text: string): Row[] {
  const found: Row[] = [];
  let section = "";
  for (const [i, line] of text.split("\n").entries()) {
    section = /^## (.*)$/.exec(line)?.[1] ?? section;
    const cells = /^\| (.*) \| (.*) \|(?: (.*))? \|$/.exec(line);
    if (cells === null || /^(-+|ipyparallel 9\.2)$/.test(cells[1] ?? "")) continue;
    const [, theirs = "", ours = "", tests = ""] = cells;
    found.push({ section, theirs, ours, tests, place: `docs/ipyparallel.md:${i + 1}` });
  }
  return found;
}

/** Code in a cell. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/** Names of ipyparallel that are not in the section of their class, and sections of no class. */
export function missingNames(rows: readonly Row[], names: Names): string[] {
  const said = new Map<string, Set<string>>();
  for (const [section, lines] of Map.groupBy(rows, (row) => row.section)) {
    const words = lines.flatMap(({ theirs }) => codes(theirs)).map((code) => /^\w+/.exec(code)?.[0] ?? code);
    for (const name of TITLES[section] ?? section.split(", ")) said.set(name, new Set(words));
  }
  const missing = Object.entries(names).flatMap(([owner, own]) =>
    own.filter((name) => said.get(owner)?.has(name) !== true).map((name) => `${owner}.${name} is not there`)
  );
  const odd = [...said.keys()].filter((owner) => !(owner in names));
  return [...missing, ...odd.map((section) => `"${section}" is no class`)];
}

/** What the middle column says of us and is not so. */
export function wrongNames(rows: readonly Row[], symbols: Symbols): string[] {
  return rows.flatMap(({ section, ours, place }) =>
    codes(ours).filter((code) => !ELSEWHERE.test(code)).flatMap((code) => [
      ...[...code.matchAll(/(?<![\w."])([A-Za-z]\w*)\.([A-Za-z]\w*)/g)].flatMap((
        [, owner = "", member = ""],
      ) => wrongMember(symbols, owner === "view" && symbols.has(section) ? section : owner, member)),
      ...[/^[A-Z]\w*$/.exec(code)?.[0], /^([a-z]\w*)\(/.exec(code)?.[1]]
        .filter((name) => name !== undefined && !symbols.has(name)).map((name) =>
          `"${name}" is not exported`
        ),
    ]).map((wrong) => `${place}: ${wrong}`)
  );
}

function wrongMember(symbols: Symbols, owner: string, member: string): string[] {
  const known = (RECEIVERS[owner] ?? [owner]).filter((name) => symbols.has(name));
  if (known.length === 0) return owner in globalThis ? [] : [`there is no "${owner}"`];
  const has = known.some((name) => membersOf(symbols, name).has(member));
  return has ? [] : [`${known.join(" or ")} has no "${member}"`];
}

/** Options that the middle column names and nobody takes. `{ a: 1 }` and `{ a: number }` are examples of values. */
export function wrongOptions(rows: readonly Row[], symbols: Symbols): string[] {
  const options = new Set(
    [...symbols].flatMap(([name, { kind, fields }]) =>
      kind === "interface" ? [...fields, ...membersOf(symbols, name)] : fields
    ),
  );
  return rows.flatMap(({ ours, place }) =>
    codes(ours).flatMap((code) => [...code.matchAll(/\{ ([^{}]*) \}/g)])
      .flatMap(([, list = ""]) => list.split(", ").map((part) => /^(\w+)(?=$|:)/.exec(part)?.[1] ?? ""))
      .filter((key) => key !== "" && !options.has(key) && !EXAMPLES.has(key))
      .map((key) => `${place}: there is no option "${key}"`)
  );
}

/** Rows without a test, and tests that are not there. "the same" is the row above. @param namesOf names of a file's tests; none if there is no such file */
export async function wrongTests(
  rows: readonly Row[],
  namesOf: (file: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const wrong: string[] = [];
  let above = "";
  for (const { ours, tests, place } of rows) {
    if (tests.startsWith("the same") && above !== "") continue;
    above = tests;
    const files = [...tests.matchAll(/`([\w/.]+\.ts)`((?: "[^"]+";?)*)/g)];
    if (files.length === 0 && !WITHOUT_TEST.test(ours)) wrong.push(`${place}: names no test`);
    for (const [, file = "", quoted = ""] of files) {
      const parts = [...quoted.matchAll(/"([^"]+)"/g)].map(([, part = ""]) => part);
      if (parts.length === 0) wrong.push(`${place}: names no test of ${file}`);
      const names = await namesOf(file);
      const missing = parts.filter((part) => !names.some((name) => name.includes(part)));
      wrong.push(...missing.map((part) => `${place}: no test "${part}" in ${file}`));
    }
  }
  return wrong;
}

/** Names of tests and steps, as they stand in a file. */
export function testNames(source: string): string[] {
  const texts = source.matchAll(
    /\b(?:\w*[tT]est|step)\(\s*(?:\{\s*name:\s*)?(?:name\()?(["`])((?:(?!\1)[^\\]|\\.)*)\1/g,
  );
  return [...texts].map(([, , name = ""]) => name);
}
