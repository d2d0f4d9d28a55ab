/** Reading a file of the user's, and taking the types out of it, without asking anybody: in Deno only with the permissions that are there. */

interface Runtime {
  readonly process?: { getBuiltinModule?(name: string): unknown };
  readonly Deno?: {
    readonly permissions: {
      querySync(what: { readonly name: "read"; readonly path?: string }): { readonly state: string };
    };
  };
}

interface Require {
  (name: string): unknown;
  resolve(name: string): string;
  readonly cache: Record<string, unknown>;
}

interface Builtins {
  readonly "node:fs": {
    readFileSync(path: URL, encoding: "utf8"): string;
    statSync(path: string): { readonly mtimeMs: number; readonly size: number; readonly ino: number };
  };
  readonly "node:module": {
    createRequire(from: string): Require;
    isBuiltin(name: string): boolean;
  };
  readonly "node:url": { fileURLToPath(url: string): string; pathToFileURL(path: string): URL };
}

/** A module of Node's, which Deno has too; undefined where there is none. */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] | undefined {
  const { process } = globalThis as Runtime;
  return process?.getBuiltinModule?.(name) as Builtins[N] | undefined;
}

/** The path of a `file:` URL. */
export function pathOf(url: string): string {
  const path = builtin("node:url")?.fileURLToPath(url);
  if (path === undefined) throw new TypeError(`Cannot read "${url}": there are no files here`);
  return path;
}

/** The URL of what esbuild calls a file: a path from a folder on, and perhaps how it was imported. */
export function urlOf(source: string, folder: string): string {
  const path = source.replace(/ with \{.*\}$/, "").split("/").map(encodeURIComponent).join("/");
  return new URL(path, builtin("node:url")?.pathToFileURL(`${folder}/`)).href;
}

/** The text of a file; undefined if it cannot be read. */
export function fileText(url: string): string | undefined {
  if (!url.startsWith("file:")) return undefined;
  try {
    if (!mayRead(url)) return undefined;
    return builtin("node:fs")?.readFileSync(new URL(url), "utf8");
  } catch {
    return undefined;
  }
}

function mayRead(url: string): boolean {
  const { Deno: deno } = globalThis as Runtime;
  const path = builtin("node:url")?.fileURLToPath(url);
  if (deno === undefined || path === undefined) return path !== undefined;
  return deno.permissions.querySync({ name: "read", path }).state === "granted";
}

interface Sucrase {
  transform(code: string, options: object): { readonly code: string };
}

let sucrase: Sucrase | null | undefined;

/** TypeScript without its types, line by line as it was; undefined if that cannot be done here. */
export function withoutTypes(code: string, url: string): string | undefined {
  try {
    if (sucrase === undefined) {
      sucrase = null;
      sucrase = builtin("node:module")?.createRequire(import.meta.url)("sucrase") as Sucrase;
    }
    return sucrase?.transform(code, {
      transforms: url.endsWith("x") ? ["typescript", "jsx"] : ["typescript"],
      disableESTransforms: true,
      keepUnusedImports: true,
    }).code;
  } catch {
    return undefined;
  }
}
