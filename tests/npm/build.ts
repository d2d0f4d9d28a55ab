/**
 * `deno task npm`: makes `dist/npm`, the client as a package for Node, and packs it where npm is installed. One folder of JavaScript, in which what is seldom
 * needed stands in files of its own; types; and as dependencies what is imported from npm, pinned as in `deno.json`.
 */
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { declarations } from "./types.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const ENTRY = "src/client/client.ts";
/** What is asked for by name at run time (`client/file_text.ts`, `client/module_bundle.ts`), where no bundler sees it. */
const ASKED_FOR = ["esbuild", "sucrase"];

interface Settings {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly imports: Readonly<Record<string, string>>;
}

/**
 * Writes the package.
 * @param folder which is emptied first
 */
export async function buildPackage(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const settings: Settings = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  const packages = await writeCode(`${folder}/lib`);
  await writeTypes(`${folder}/types`);
  const manifest = manifestOf(settings, packages);
  await Deno.writeTextFile(`${folder}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  await Deno.copyFile(`${ROOT}/LICENSE`, `${folder}/LICENSE`);
  await Deno.copyFile(`${ROOT}/docs/npm.md`, `${folder}/README.md`);
}

/** Bundles the code; returns the packages that it imports. */
async function writeCode(folder: string): Promise<string[]> {
  const { metafile } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    packages: "external",
    chunkNames: "[name]-[hash]",
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  await esbuild.stop();
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const names = imports.filter(({ external, path }) => external === true && !path.startsWith("node:"));
  return [...new Set([...names.map(({ path }) => path), ...ASKED_FOR])].sort();
}

async function writeTypes(folder: string): Promise<void> {
  for (const [path, text] of declarations(ROOT, ENTRY)) {
    const file = `${folder}/${path.replace(/^src\//, "")}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
}

/** The package's own description of itself. */
export function manifestOf(
  { name, version, license, imports }: Settings,
  packages: readonly string[],
): object {
  const dependencies = packages.map((name) => [name, versionOf(name, imports[name])]);
  return {
    name,
    version,
    description:
      "Run TypeScript and JavaScript functions on a cluster: the client of tsparallel, which speaks IPython Parallel's protocol",
    keywords: ["parallel", "distributed", "cluster", "ipyparallel", "jupyter", "zeromq", "typescript"],
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=22.3" },
    exports: {
      ".": { types: "./types/client/client.d.ts", default: "./lib/client.js" },
      "./package.json": "./package.json",
    },
    main: "./lib/client.js",
    types: "./types/client/client.d.ts",
    files: ["lib", "types"],
    dependencies: Object.fromEntries(dependencies),
  };
}

/** `1.2.3` of `npm:name@1.2.3`. */
function versionOf(name: string, specifier = ""): string {
  const version = /^npm:.+@([^@]+)$/.exec(specifier)?.[1];
  if (version === undefined) throw new Error(`Cannot depend on "${name}": deno.json pins no version of it`);
  return version;
}

/**
 * Packs a package as npm publishes it.
 * @returns the packed file's path; undefined where there is no npm
 */
export async function pack(folder: string, into: string): Promise<string | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command("npm", {
      args: ["pack", "--silent", "--pack-destination", into],
      cwd: folder,
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    if (code !== 0) throw new Error(`Cannot pack "${folder}":\n${text.decode(stderr)}`);
    return `${into}/${text.decode(stdout).trim().split("\n").at(-1)}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  await buildPackage(`${ROOT}/dist/npm`);
  const file = await pack(`${ROOT}/dist/npm`, `${ROOT}/dist`);
  console.log(file === undefined ? "dist/npm is ready; npm is not there to pack it" : `${file} is ready`);
}
