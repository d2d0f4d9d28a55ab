/**
 * What a project's deno.json says of bare specifiers and of compiling: `imports` (there or in the file that `importMap` names), `scopes`, `compilerOptions`, read upwards from
 * where a module is.
 */
import { parseJsonc } from "../base/jsonc.ts";
import { fileText } from "./file_text.ts";

type Names = Readonly<Record<string, string>>;

/** One file with imports in it. Values are as written, those that begin with a dot as URLs. */
interface ImportFile {
  readonly url: string;
  readonly imports: Names;
  readonly scopes: Readonly<Record<string, Names>>;
  readonly compilerOptions: object | undefined;
}

/** What a specifier stands for. */
export interface Mapped {
  readonly specifier: string;
  /** URL of the file that says so. */
  readonly by: string;
}

const NAMES = ["deno.json", "deno.jsonc"];

/** Reads each file once; for one bundle. */
export class ImportMaps {
  readonly #files = new Map<string, ImportFile | null>();

  /** URLs of the files that were read. */
  get files(): string[] {
    return [...this.#files.values()].flatMap((file) => file === null ? [] : [file.url]);
  }

  /**
   * What a specifier stands for in a module; undefined if no file above it says anything of it.
   * @throws SyntaxError naming a file that cannot be read
   */
  resolve(specifier: string, importer: string): Mapped | undefined {
    for (const file of this.#above(importer)) {
      const scoped = Object.entries(file.scopes).filter(([scope]) => importer.startsWith(scope));
      const inner = scoped.sort(([a], [b]) => b.length - a.length).map(([, imports]) => imports);
      for (const imports of [...inner, file.imports]) {
        const found = look(imports, specifier);
        if (found !== undefined) return { specifier: found, by: file.url };
      }
    }
    return undefined;
  }

  /** Options of the compiler that hold for a module; undefined if none are given. */
  compilerOptions(importer: string): object | undefined {
    for (const { compilerOptions } of this.#above(importer)) {
      if (compilerOptions !== undefined) return compilerOptions;
    }
    return undefined;
  }

  *#above(importer: string): Iterable<ImportFile> {
    for (let folder = new URL(".", importer);; folder = new URL("..", folder)) {
      const file = this.#in(folder.href);
      if (file !== null) yield file;
      if (folder.pathname === "/" || new URL("..", folder).href === folder.href) return;
    }
  }

  #in(folder: string): ImportFile | null {
    let file = this.#files.get(folder);
    if (file === undefined) this.#files.set(folder, file = read(folder));
    return file;
  }
}

function read(folder: string): ImportFile | null {
  for (const name of NAMES) {
    const url = new URL(name, folder).href, text = fileText(url);
    if (text !== undefined) return withMap(parsed(url, text));
  }
  return null;
}

/** `importMap` names another file, which then has the imports. */
function withMap(file: ImportFile & { readonly importMap: string | undefined }): ImportFile {
  if (file.importMap === undefined) return file;
  const url = new URL(file.importMap, file.url).href, text = fileText(url);
  if (text === undefined) return file;
  return { ...parsed(url, text), compilerOptions: file.compilerOptions };
}

function parsed(url: string, text: string): ImportFile & { readonly importMap: string | undefined } {
  const value = objectOf(parseJsonc(text, url));
  const scopes = Object.entries(objectOf(value["scopes"])).map(([scope, imports]) =>
    [new URL(scope, url).href, namesOf(imports, url)] as const
  );
  const { importMap, compilerOptions } = value;
  return {
    url,
    imports: namesOf(value["imports"], url),
    scopes: Object.fromEntries(scopes),
    importMap: typeof importMap === "string" ? importMap : undefined,
    compilerOptions: typeof compilerOptions === "object" && compilerOptions !== null
      ? compilerOptions
      : undefined,
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};
}

function namesOf(value: unknown, url: string): Names {
  const pairs = Object.entries(objectOf(value)).flatMap(([name, target]) => {
    if (typeof target !== "string") return [];
    return [[name, /^\.{0,2}\//.test(target) ? new URL(target, url).href : target] as const];
  });
  return Object.fromEntries(pairs);
}

/** The whole name, the longest beginning that ends with a slash, or a package of npm by its name alone. */
function look(imports: Names, specifier: string): string | undefined {
  if (Object.hasOwn(imports, specifier)) return imports[specifier];
  const folders = Object.keys(imports).filter((name) => name.endsWith("/") && specifier.startsWith(name));
  const folder = folders.sort((a, b) => b.length - a.length)[0];
  if (folder !== undefined) return `${imports[folder]}${specifier.slice(folder.length)}`;
  const name = packageOf(specifier), target = Object.hasOwn(imports, name) ? imports[name] : undefined;
  return target?.startsWith("npm:") === true ? `${target}${specifier.slice(name.length)}` : undefined;
}

/** The package that a bare specifier names: `@a/b/c` is of `@a/b`. */
function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

/** A specifier without `npm:` and version, as folders of packages know it. */
export function npmName(specifier: string): string {
  return specifier.replace(/^npm:\/?/, "").replace(/^((?:@[^/]+\/)?[^/@]+)@[^/]+/, "$1");
}
