/**
 * `deno task compile`: makes `dist/tsparallel`, one executable for this machine. Deno embeds the whole `node_modules` folder, most of which
 * is of no use at run time, so the program is compiled from a copy whose `node_modules` holds only what is: packages without their types,
 * source maps and manuals, of libzmq this machine's builds, of the data sets the demo's one.
 *
 * Deno downloads the base executable that it builds on; where that host is out of reach, DENORT_BIN names a file to take instead.
 */

import { fileURLToPath } from "node:url";

const ROOT = new URL("../", import.meta.url);

/** What the program is made of. */
const SOURCES = ["main.ts", "deno.json", "deno.lock", "src", "profiles"];

/** What no import leads to: files read and workers started at run time, as far as they exist. */
const INCLUDED = ["profiles", "src/controller/scheduler_thread.ts", "src/engine/child_bundle.js"];

/** Packages for tests, types and building alone. */
const UNUSED_PACKAGES =
  /^(ajv|fast-deep-equal|fast-uri|json-schema-traverse|require-from-string|fast-check|pure-rand|esbuild|@esbuild\+.*|@types\+.*|undici-types|typescript|cmake-ts|node-addon-api)@/;

/** Licences go where the code goes. */
const LICENCE = /(^|\/)(LICEN[CS]E|NOTICE)[^/]*$/i;

/** Files that only people and type checkers read. */
const UNUSED_FILES = /\.(d\.[cm]?ts|map|md|markdown|txt|flow)$|(^|\/)(CHANGELOG|HISTORY)[^/]*$/i;

/** Packages of which few files are needed: all others of theirs are left out. */
const NEEDED_FILES: Readonly<Record<string, RegExp>> = {
  "vega-datasets": /^data\/flights-3m\.parquet$/,
  zeromq: new RegExp(`^build/${libraryFolder()}/`),
  vega: /^build\/vega\.module\.js$/,
  "vega-lite": /^build\/index\.js$/,
  sucrase: /^dist\//,
  mongodb: /^lib\//,
  bson: /^lib\/bson\.(cjs|node\.mjs)$/,
};

/** Where libzmq's builds for this machine lie in their package; of those for Linux one for each C library. */
function libraryFolder(): string {
  const { os, arch } = Deno.build;
  const folder = `${os === "windows" ? "win32" : os}/${arch === "aarch64" ? "arm64" : "x64"}/node`;
  return os === "linux" ? `${folder}/(glibc|musl)-127-Release` : folder;
}

/** Whether a file of an npm package goes into the executable. `path` is relative to the package's folder. */
export function isNeeded(packageName: string, path: string): boolean {
  if (LICENCE.test(path)) return true;
  const needed = NEEDED_FILES[packageName];
  return (path === "package.json" || needed === undefined || needed.test(path)) && !UNUSED_FILES.test(path);
}

async function main(): Promise<void> {
  const stage = await Deno.makeTempDir({ prefix: "tsparallel-compile-" });
  try {
    for (const source of SOURCES) await copyInto(stage, source);
    const { code, errors } = await deno(stage, ["install", "--quiet"]);
    if (code !== 0) throw new Error(`Cannot install the packages to embed:\n${errors}`);
    await prune(`${stage}/node_modules`);
    await compile(stage);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

async function copyInto(stage: string, path: string): Promise<void> {
  const from = fileURLToPath(new URL(path, ROOT));
  const info = await Deno.lstat(from);
  if (!info.isDirectory) return await Deno.copyFile(from, `${stage}/${path}`);
  await Deno.mkdir(`${stage}/${path}`);
  for await (const { name } of Deno.readDir(from)) await copyInto(stage, `${path}/${name}`);
}

/** Takes out of a `node_modules` folder what the program does not need. */
async function prune(modules: string): Promise<void> {
  const store = `${modules}/.deno`;
  for await (const { name } of Deno.readDir(store)) {
    if (UNUSED_PACKAGES.test(name)) await Deno.remove(`${store}/${name}`, { recursive: true });
    else if (name.includes("@", 1)) await prunePackage(`${store}/${name}/node_modules`, packageOf(name));
  }
  await removeDeadLinks(modules);
}

/** `@logtape+logtape@2.4.2` is the folder of `@logtape/logtape`. */
function packageOf(folder: string): string {
  return folder.slice(0, folder.indexOf("@", 1)).replace("+", "/");
}

async function prunePackage(modules: string, name: string): Promise<void> {
  const folder = `${modules}/${name}`;
  for (const path of await filesOf(folder)) {
    if (!isNeeded(name, path)) await Deno.remove(`${folder}/${path}`);
  }
}

/** Paths of all files below a folder, relative to it. */
async function filesOf(folder: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    if (isDirectory) files.push(...await filesOf(folder, `${below}${name}/`));
    else files.push(`${below}${name}`);
  }
  return files;
}

async function removeDeadLinks(folder: string): Promise<void> {
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await removeDeadLinks(path);
    else if (isSymlink && !await exists(path)) await Deno.remove(path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function compile(stage: string): Promise<void> {
  const output = fileURLToPath(new URL("dist/tsparallel", ROOT));
  await Deno.mkdir(fileURLToPath(new URL("dist", ROOT)), { recursive: true });
  const included: string[] = [];
  for (const path of INCLUDED) if (await exists(`${stage}/${path}`)) included.push(`--include=${path}`);
  const { code, errors } = await deno(stage, [
    "compile",
    "-A",
    "--no-prompt",
    "--no-check",
    "--unstable-worker-options",
    "--node-modules-dir=manual",
    ...included,
    `--output=${output}`,
    "main.ts",
  ]);
  if (code !== 0) throw new Error(explain(errors));
  const { size } = await Deno.stat(output);
  console.log(`dist/tsparallel is ready (${Math.round(size / 1e6)} MB)`);
}

/** What to do about a failed `deno compile`, told from what it wrote. */
export function explain(errors: string): string {
  if (!/base binary|denort/i.test(errors)) return `Cannot compile:\n${errors}`;
  return `Cannot compile: Deno could not get its base executable "denort" of version ${Deno.version.deno}; ` +
    `where its host is out of reach, name such a file in the environment variable DENORT_BIN`;
}

/** Runs Deno in a folder. */
async function deno(cwd: string, args: string[]): Promise<{ code: number; errors: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { code, stderr } = await command.output();
  return { code, errors: new TextDecoder().decode(stderr) };
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
