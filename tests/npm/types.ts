/**
 * Declarations of the client for users of the npm package: those files' that its exports lead to, each beside the others, and nothing but them.
 */
import { posix } from "node:path";
import ts from "typescript";

const OPTIONS: ts.CompilerOptions = {
  declaration: true,
  emitDeclarationOnly: true,
  allowImportingTsExtensions: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
};

/** What projects of an older target do not load by themselves. */
const LIBRARIES = '/// <reference lib="esnext.disposable" />\n';

/** An import in a declaration file, as an import or within a type. */
const IMPORT = /(\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)(["'])(\.{1,2}\/[^"']+)\.ts\2/g;

/** Packages, and names that only some runtimes' types know. */
const FOREIGN = /\bfrom\s+["'][^."'][^"']*["']|\bimport\s*\(\s*["'][^."']|\b(?:Deno|NodeJS)\.\w+|\bBuffer\b/;

/**
 * Texts of the declaration files by their paths below `root`.
 * @param entry path below `root`
 * @throws Error if something in them would not be known to who installs the package
 */
export function declarations(root: string, entry: string): Map<string, string> {
  const program = ts.createProgram([`${root}/${entry}`], OPTIONS);
  const all = new Map<string, string>();
  program.emit(
    undefined,
    (path, text) => {
      all.set(posix.relative(root, path), text);
    },
    undefined,
    true,
  );
  const reached = new Map<string, string>();
  reach(entry.replace(/\.ts$/, ".d.ts"), all, reached);
  const first = [...reached.keys()][0];
  if (first !== undefined) reached.set(first, LIBRARIES + reached.get(first));
  return reached;
}

function reach(path: string, all: ReadonlyMap<string, string>, reached: Map<string, string>): void {
  if (reached.has(path)) return;
  const text = all.get(path);
  if (text === undefined) throw new Error(`Cannot find the declarations "${path}"`);
  checkOwn(path, text);
  reached.set(path, text.replace(IMPORT, "$1$2$3.js$2"));
  for (const [, , , target] of withoutComments(text).matchAll(IMPORT)) {
    reach(posix.join(posix.dirname(path), `${target}.d.ts`), all, reached);
  }
}

/** @throws Error if declarations name packages or the runtime that we are built with */
function checkOwn(path: string, text: string): void {
  const foreign = FOREIGN.exec(withoutComments(text));
  if (foreign !== null) throw new Error(`Cannot use the declarations of "${path}": they name ${foreign[0]}`);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|\/\/[^\n]*/g, "");
}
