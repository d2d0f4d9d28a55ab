/**
 * Makes `child_bundle.js`, all code of a slot's child as one JavaScript file (`deno task bundle`). As TypeScript it would be
 * transpiled anew at each start, since the child has no cache: 200 ms instead of 20. The file is checked in, and a test holds it
 * against its sources.
 */
import * as esbuild from "esbuild";

const here = import.meta.dirname ?? ".";

async function bundle(entry: string, options: esbuild.BuildOptions): Promise<string> {
  const result = await esbuild.build({
    entryPoints: [`${here}/${entry}`],
    bundle: true,
    write: false,
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    charset: "ascii",
    legalComments: "none",
    minifySyntax: true,
    minifyWhitespace: true,
    absWorkingDir: here,
    logLevel: "warning",
    ...options,
  });
  const file = result.outputFiles?.[0];
  if (file === undefined) throw new Error(`Cannot bundle "${entry}": esbuild gave nothing`);
  return file.text;
}

/** The bundle's text, made from the sources as they are now. */
export async function buildChildBundle(): Promise<string> {
  const cells = await bundle("cell_tools.ts", { format: "iife", globalName: "CELL_TOOLS", minify: true });
  const worker = await bundle("sandbox_worker.ts", { format: "iife" });
  const text = `${worker}//# sourceURL=tsparallel:slot\n`;
  const define = { WORKER_TEXT: JSON.stringify(text), CELL_TOOLS_TEXT: JSON.stringify(cells) };
  const child = await bundle("sandbox.ts", { format: "esm", define });
  await esbuild.stop();
  return "// Made by bundle_build.ts out of sandbox.ts and what it imports. Do not edit: deno task bundle\n" +
    child;
}

if (import.meta.main) {
  await Deno.writeTextFile(`${here}/child_bundle.js`, await buildChildBundle());
}
