/** What the package gives its users, by name, as `deno doc` finds it in the exports of deno.json. */
import { fileURLToPath } from "node:url";

/** One export. */
export interface PublicSymbol {
  readonly kind: string;
  readonly members: readonly string[];
  /** What it extends. */
  readonly parents: readonly string[];
  /** Names of the fields in types that are written where they are needed: `options: { readonly silent?: boolean }`. */
  readonly fields: readonly string[];
}

const ROOT = new URL("../../", import.meta.url);

/** The files that deno.json exports. */
export async function entries(): Promise<string[]> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  return Object.values<string>(exports).map((path) => fileURLToPath(new URL(path, ROOT)));
}

/** Runs `deno doc` over the exports. */
export async function denoDoc(
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", ...flags, ...await entries()],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(code === 0 ? stdout : stderr) };
}

/** All exports. */
export async function publicSymbols(): Promise<ReadonlyMap<string, PublicSymbol>> {
  const { code, said } = await denoDoc("--json");
  if (code !== 0) throw new Error(said);
  const symbols = new Map<string, PublicSymbol>();
  for (const [name, kind, definition] of declarations(JSON.parse(said).nodes)) {
    const before = symbols.get(name);
    const members = ["methods", "properties", "getters"].flatMap((key) =>
      (definition[key] ?? []).map((member: Json) => String(member.name))
    );
    const parents = [definition.superClass ?? definition.extends, ...definition.extends ?? []]
      .flatMap((parent) =>
        typeof parent === "string" ? [parent] : parent?.repr === undefined ? [] : [parent.repr]
      );
    symbols.set(name, {
      kind,
      members: [...before?.members ?? [], ...members],
      parents: [...before?.parents ?? [], ...parents],
      fields: [...before?.fields ?? [], ...fieldsIn(definition)],
    });
  }
  return symbols;
}

/** All fields of type literals below. */
function fieldsIn(value: Json): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = Array.isArray(value.properties) ? value.properties.map(({ name }: Json) => String(name)) : [];
  return [...own, ...Object.values(value).flatMap(fieldsIn)];
}

// deno-lint-ignore no-explicit-any
type Json = any;

/** Name, kind and definition of each: Deno 2.9 has them by file, 2.6 in one list. */
function declarations(nodes: Json): [string, string, Json][] {
  if (Array.isArray(nodes)) {
    return nodes.map((node) => [node.name, node.kind, node[`${node.kind}Def`] ?? {}]);
  }
  return Object.values<Json>(nodes).flatMap(({ symbols }) =>
    symbols.flatMap(({ name, declarations }: Json) =>
      declarations.map(({ kind, def }: Json) => [name, kind, def ?? {}])
    )
  );
}

/** The members of an export, with those that it has of others. */
export function membersOf(symbols: ReadonlyMap<string, PublicSymbol>, name: string): ReadonlySet<string> {
  const { members = [], parents = [] } = symbols.get(name) ?? {};
  return new Set([...members, ...parents.flatMap((parent) => [...membersOf(symbols, parent)])]);
}
