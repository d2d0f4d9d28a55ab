/**
 * A module of the user's with all that it imports as one text, made by esbuild, which is loaded when the first module is sent and whose process is gone when nothing is being
 * bundled.
 */
import type * as Esbuild from "esbuild";
import { ModuleError, type ModuleProblem } from "../protocol/module_error.ts";
import { builtin, pathOf, urlOf } from "./file_text.ts";
import { ENTRY, ModuleFiles } from "./module_files.ts";

/** A bundle: statements that hand the module to `$tsparallelExports`. */
export interface Bundle {
  readonly text: string;
  /** Whether it awaits at its top level. */
  readonly isAsync: boolean;
  /** JSON of its source map, and the folder that its sources are relative to. */
  readonly map: string;
  readonly folder: string;
  /** Names that the module exports. */
  readonly exports: readonly string[];
  /** Paths of all files that it was made of, and that said how. */
  readonly files: readonly string[];
}

const PACKAGE = "esbuild";

/** Bundles under way: the process of esbuild, which they share, ends with the last one. */
const running = { count: 0 };

/**
 * Bundles a module.
 * @throws ModuleError naming file, line and text of what is wrong
 */
export async function bundleModule(url: string): Promise<Bundle> {
  if (!isFile(url)) {
    throw new ModuleError(url, `Cannot send module "${url}": there is no such file, or it may not be read`);
  }
  const esbuild = load(url);
  running.count++;
  try {
    try {
      return await build(esbuild, url, false);
    } catch (error) {
      if (!isTopLevelAwait(error)) throw error;
      return await build(esbuild, url, true);
    }
  } catch (error) {
    throw failure(url, error);
  } finally {
    if (--running.count === 0) await esbuild.stop();
  }
}

function isFile(url: string): boolean {
  try {
    return builtin("node:fs")?.statSync(pathOf(url)) !== undefined;
  } catch {
    return false;
  }
}

/** esbuild, for this client alone: its process is ended here, and the user's program may use another. */
function load(url: string): typeof Esbuild {
  let cause: unknown;
  for (const from of [import.meta.url, url]) {
    try {
      const loaded = ownEsbuild(from);
      if (loaded !== undefined) return loaded;
    } catch (error) {
      cause = error;
    }
  }
  const hint =
    'the package "esbuild" cannot be loaded; install it beside tsparallel, and allow it to be read';
  throw new ModuleError(url, `Cannot send module "${url}": ${hint}`, [], { cause });
}

const loaded: { esbuild?: typeof Esbuild } = {};

function ownEsbuild(from: string): typeof Esbuild | undefined {
  if (loaded.esbuild !== undefined) return loaded.esbuild;
  const require = builtin("node:module")?.createRequire(from);
  if (require === undefined) return undefined;
  const path = require.resolve(PACKAGE), others = require.cache[path];
  delete require.cache[path];
  loaded.esbuild = require(path) as typeof Esbuild;
  if (others === undefined) delete require.cache[path];
  else require.cache[path] = others;
  return loaded.esbuild;
}

async function build(esbuild: typeof Esbuild, url: string, isAsync: boolean): Promise<Bundle> {
  const path = pathOf(url), folder = pathOf(new URL(".", url).href);
  const files = new ModuleFiles(path);
  const compilerOptions = tsOptions(files.maps.compilerOptions(url));
  const { outputFiles, metafile } = await esbuild.build({
    // The second is made for the names of its exports.
    entryPoints: [{ in: ENTRY, out: "entry" }, { in: path, out: "module" }],
    plugins: [files.plugin()],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    conditions: ["deno"],
    // Packages whose main file is for every loader there ever was (UMD) cannot be bundled by it.
    mainFields: ["module", "main"],
    target: "esnext",
    supported: { "top-level-await": isAsync, decorators: false },
    charset: "utf8",
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    absWorkingDir: folder,
    outdir: folder,
    logLevel: "silent",
    ...(compilerOptions === undefined ? {} : { tsconfigRaw: { compilerOptions } }),
  });
  const text = (name: string) => outputFiles.find((file) => file.path.endsWith(`/${name}`))?.text ?? "";
  return {
    text: text("entry.js"),
    map: text("entry.js.map"),
    folder,
    isAsync,
    exports: metafile.outputs["module.js"]?.exports ?? [],
    files: [...files.loaded, ...files.maps.files.map(pathOf)],
  };
}

/** What esbuild knows of Deno's options. */
function tsOptions(options: object | undefined): Esbuild.TsconfigRaw["compilerOptions"] | undefined {
  if (options === undefined) return undefined;
  const { jsx, ...rest } = options as { readonly jsx?: string };
  return {
    ...rest,
    ...(jsx === undefined ? {} : { jsx: jsx === "precompile" ? "react-jsx" : jsx }),
  } as Esbuild.TsconfigRaw["compilerOptions"];
}

function messagesOf(error: unknown): readonly Esbuild.Message[] {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors) ? error.errors : [];
}

function isTopLevelAwait(error: unknown): boolean {
  return messagesOf(error).some(({ text }) => /^Top-level await is not available/.test(text));
}

/** Problems that a message shows. */
const SHOWN = 5;

function failure(url: string, error: unknown): Error {
  const problems = messagesOf(error).map((message) => problemOf(message, url));
  if (problems.length === 0) {
    const why = error instanceof Error ? error.message : String(error);
    const hint =
      `esbuild cannot be run (${why}); in Deno it takes --allow-run for it, --allow-env, and --allow-read`;
    return new ModuleError(url, `Cannot send module "${url}": ${hint}`, [], { cause: error });
  }
  const lines = problems.slice(0, SHOWN).map(described);
  if (problems.length > SHOWN) lines.push(`and ${problems.length - SHOWN} more problems`);
  return new ModuleError(url, `Cannot send module "${url}": ${lines.join("\n")}`, problems, { cause: error });
}

function problemOf({ text, location }: Esbuild.Message, url: string): ModuleProblem {
  if (location === null) return { text, file: undefined, line: 0, column: 0, lineText: "" };
  const { file, line, column, lineText } = location;
  // Columns are of bytes.
  const before = new TextDecoder().decode(new TextEncoder().encode(lineText).subarray(0, column));
  return {
    text,
    file: urlOf(file, pathOf(new URL(".", url).href).replace(/\/$/, "")),
    line,
    column: before.length + 1,
    lineText,
  };
}

function described({ text, file, line, column, lineText }: ModuleProblem): string {
  if (file === undefined) return text;
  const from = Math.max(0, column - 71), shown = lineText.slice(from, column + 70).replaceAll("\t", " ");
  return `${text}\n    at ${file}:${line}:${column}\n    ${shown}\n    ${" ".repeat(column - 1 - from)}^`;
}
