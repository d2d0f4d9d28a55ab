/**
 * How a module of the user's finds what it imports, as a plugin of esbuild: relative files, what deno.json maps, packages in node_modules, built-ins of the engine. What
 * would have to be fetched is refused.
 */
import type {
  ImportKind,
  OnLoadArgs,
  OnLoadResult,
  OnResolveArgs,
  OnResolveResult,
  Plugin,
  PluginBuild,
} from "esbuild";
import { builtin, pathOf } from "./file_text.ts";
import { ImportMaps, npmName } from "./import_map.ts";

/** The text that imports the user's module; not his. */
export const ENTRY = "tsparallel:entry";

/** This library's door, and what a module on an engine has instead: `task` is the running one there. */
const CLIENT: readonly string[] = ["client.ts", "client.js"].map((name) =>
  pathOf(new URL(name, import.meta.url).href)
);
const ON_ENGINES = "export const task = globalThis.task;";

/** What was seen while a module was bundled. */
export class ModuleFiles {
  readonly maps: ImportMaps = new ImportMaps();
  /** Paths of the files that are in it. */
  readonly loaded: Set<string> = new Set();
  readonly #path: string;

  /** @param path of the module */
  constructor(path: string) {
    this.#path = path;
  }

  plugin(): Plugin {
    return {
      name: "tsparallel",
      setup: (build) => {
        build.onResolve({ filter: /.*/ }, (args) => this.#resolve(build, args));
        build.onLoad({ filter: /.*/, namespace: "entry" }, () => this.#entry());
        build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
          contents: `module.exports = $tsparallelBuiltin(${JSON.stringify(path)});`,
          loader: "js",
        }));
        build.onLoad({ filter: /.*/, namespace: "file" }, (args) => this.#load(build, args));
      },
    };
  }

  /** Hands out the module as a whole. */
  #entry(): OnLoadResult {
    const contents = `import * as module from ${JSON.stringify(this.#path)};\n$tsparallelExports(module);`;
    return { contents, resolveDir: folderOf(this.#path), loader: "js" };
  }

  #resolve(build: PluginBuild, args: OnResolveArgs): OnResolveResult | Promise<OnResolveResult> | undefined {
    if (args.path === ENTRY) return { path: ENTRY, namespace: "entry" };
    if (args.pluginData === OWN || args.kind === "entry-point" || args.namespace === "entry") {
      return undefined;
    }
    const importer = builtin("node:url")?.pathToFileURL(args.importer).href ?? "";
    const isPackages = /[\\/]node_modules[\\/]/.test(args.importer);
    const mapped = isPackages ? undefined : this.maps.resolve(args.path, importer);
    return found(build, mapped?.specifier ?? args.path, {
      kind: args.kind,
      importer: args.importer,
      from: mapped === undefined ? args.resolveDir : folderOf(pathOf(mapped.by)),
      isMapped: mapped !== undefined,
      asked: args.path,
    });
  }

  async #load(build: PluginBuild, { path, with: attributes }: OnLoadArgs): Promise<OnLoadResult | undefined> {
    if (CLIENT.includes(path)) return { contents: ON_ENGINES, loader: "js" };
    this.loaded.add(path);
    const { readFile } = await import("node:fs/promises");
    switch (attributes["type"]) {
      case "text":
        return { contents: await readFile(path), loader: "text" };
      case "bytes":
        return { contents: await readFile(path), loader: "binary" };
    }
    const language = /\.([cm]?)([jt]s)(x?)$/.exec(path);
    if (language === null) return undefined;
    const contents = await readFile(path, "utf8");
    if (!/\bimport\s*\.\s*meta\b/.test(contents)) return undefined;
    // Each file has an import.meta of its own; where it runs there are no files.
    const url = builtin("node:url")?.pathToFileURL(path).href;
    const meta = { url, filename: path, dirname: folderOf(path), main: false };
    const { code } = await build.esbuild.transform(contents, {
      loader: `${language[2]}${language[3]}` as "js" | "ts" | "jsx" | "tsx",
      define: { "import.meta": JSON.stringify(meta) },
      target: "esnext",
      sourcemap: "inline",
      sourcesContent: false,
      sourcefile: path.slice(folderOf(path).length + 1),
      ...(build.initialOptions.tsconfigRaw === undefined
        ? {}
        : { tsconfigRaw: build.initialOptions.tsconfigRaw }),
    });
    return { contents: code, loader: "js" };
  }
}

/** Marks what this plugin itself asks esbuild. */
const OWN = Symbol("own");

interface Question {
  readonly kind: ImportKind;
  readonly importer: string;
  /** Folder that paths and packages are looked for from. */
  readonly from: string;
  readonly isMapped: boolean;
  /** As the user wrote it. */
  readonly asked: string;
}

function found(
  build: PluginBuild,
  specifier: string,
  question: Question,
): OnResolveResult | Promise<OnResolveResult> | undefined {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(specifier)?.[1] ?? "";
  const { isBuiltin } = builtin("node:module") ?? {};
  const asked = `"${question.asked}"${specifier === question.asked ? "" : `, which is "${specifier}",`}`;
  if (scheme === "node" || (scheme === "" && isBuiltin?.(specifier) === true)) {
    const path = scheme === "node" ? specifier : `node:${specifier}`;
    if (isBuiltin?.(path) === false) return refused(`${asked} is no built-in module of the engines`);
    return { path, namespace: "builtin" };
  }
  switch (scheme) {
    case "":
      return question.isMapped ? within(build, specifier, question, "") : undefined;
    case "file":
      return within(build, pathOf(specifier), question, "");
    case "npm":
      return within(
        build,
        npmName(specifier),
        question,
        `${asked} is in no node_modules here: install it there (deno install with "nodeModulesDir": "auto", or npm install)`,
      );
    case "data":
      return undefined;
    default:
      return refused(
        `${asked} cannot be sent: engines fetch nothing, and only files and packages in node_modules are bundled` +
          (scheme === "jsr" ? ' (a package of jsr can be had as "npm:@jsr/…")' : ""),
      );
  }
}

async function within(
  build: PluginBuild,
  path: string,
  { kind, importer, from }: Question,
  why: string,
): Promise<OnResolveResult> {
  const result = await build.resolve(path, { kind, importer, resolveDir: from, pluginData: OWN });
  if (result.errors.length === 0) return result;
  return why === "" ? { errors: result.errors } : refused(why);
}

function refused(text: string): OnResolveResult {
  return { errors: [{ text }] };
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"))) || "/";
}
