/**
 * Imports into the engines' namespaces, as code of each engine's language.
 */

/** Modules by their names, or by the names that they get: `{ np: "numpy" }`. */
export type Modules = readonly string[] | Readonly<Record<string, string>>;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const PYTHON_MODULE = /^[\p{ID_Start}_][\p{ID_Continue}]*(\.[\p{ID_Start}_][\p{ID_Continue}]*)*$/u;

/**
 * The code of the imports.
 * @throws TypeError for nothing, or what is no name of a module or variable
 */
export function importCode(modules: Modules, isOurs: boolean): string {
  const pairs = isList(modules)
    ? modules.map((module) => [undefined, module] as const)
    : Object.entries(modules);
  if (pairs.length === 0) throw new TypeError("Cannot import modules: none is named");
  return pairs.map(([name, module]) => isOurs ? ours(name, module) : python(name, module)).join("\n");
}

/**
 * Modules with the names that they get on our engines.
 * @param isPythons they may be meant for Python engines: then any name will do
 * @throws TypeError for what is no name of a variable
 */
export function moduleNames(
  modules: Modules,
  isPythons: boolean,
): (readonly [name: string, module: string])[] {
  const pairs = isList(modules)
    ? modules.map((module) => [undefined, module] as const)
    : Object.entries(modules);
  return pairs.map(([alias, module]) => [
    isPythons ? alias ?? module.replaceAll(".", "_") : checkedName(alias, module),
    module,
  ]);
}

/** What Python imports, in order: packages ahead of what is in them, and the statements; undefined for what is none of its modules. */
export function pythonModules(
  modules: Modules,
): { readonly parts: readonly string[]; readonly lines: readonly string[] } | undefined {
  const pairs = isList(modules)
    ? modules.map((module) => [undefined, module] as const)
    : Object.entries(modules);
  if (!pairs.every(([, module]) => PYTHON_MODULE.test(module))) return undefined;
  return {
    parts: pairs.flatMap(([, module]) => {
      const names = module.split(".");
      return names.map((_, i) => names.slice(0, i + 1).join("."));
    }),
    lines: pairs.map(([alias, module]) => python(alias, module)),
  };
}

function ours(alias: string | undefined, module: string): string {
  return `import * as ${checkedName(alias, module)} from ${JSON.stringify(module)};`;
}

function checkedName(alias: string | undefined, module: string): string {
  const name = alias ?? nameOf(module);
  if (!IDENTIFIER.test(name)) {
    throw new TypeError(
      `Cannot import "${module}" as "${name}": that is no name of a variable; name it: importModules({ name: "${module}" })`,
    );
  }
  return name;
}

function python(alias: string | undefined, module: string): string {
  if (!PYTHON_MODULE.test(module)) {
    throw new TypeError(`Cannot import "${module}" on a Python engine: that is no name of a Python module`);
  }
  if (alias === undefined) return `import ${module}`;
  if (!PYTHON_MODULE.test(alias) || alias.includes(".")) {
    throw new TypeError(`Cannot import "${module}" as "${alias}": that is no name of a variable`);
  }
  return `import ${module} as ${alias}`;
}

/** The last part of a specifier without scheme, version and extension: `path` of `node:path`, `work` of `./lib/work.ts`. */
function nameOf(module: string): string {
  const last = module.replace(/[?#].*$/, "").split(/[/:]/).at(-1) ?? "";
  return last.replace(/(?<=.)@.*$/, "").replace(/\.[cm]?[jt]sx?$/, "");
}

function isList(modules: Modules): modules is readonly string[] {
  return Array.isArray(modules);
}
