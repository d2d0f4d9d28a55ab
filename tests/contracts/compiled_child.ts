/** The slot's child as a compiled program, for the suites that every way of starting one must pass. */

const base = Deno.env.get("DENORT_BIN");
const compiler = Deno.env.get("TSPARALLEL_DENO26");

/** Whether there is nothing here to compile it with, and the words for the test's name. */
export const cannotCompile = base === undefined || compiler === undefined;
export const compiledNeeds = cannotCompile ? " (needs DENORT_BIN and TSPARALLEL_DENO26)" : "";

let program: string | undefined;

/** The command of the compiled child; it is made at the first call, and gone at the end of this program. */
export function compiledCommand(): string[] {
  return [program ??= compile(), "slot-child"];
}

/** The program that main.ts is to a slot: compiled alone, from a folder without a package. */
function compile(): string {
  const folder = Deno.makeTempDirSync({ prefix: "slot-compiled-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  Deno.copyFileSync(
    new URL("../../src/engine/child_bundle.js", import.meta.url),
    `${folder}/child_bundle.js`,
  );
  const entry = `if (Deno.args[0] === "slot-child") await import("./child_bundle.js");`;
  Deno.writeTextFileSync(`${folder}/main.js`, entry);
  const args = ["compile", "-A", "--no-check", "--unstable-worker-options", "-o", "slot", "main.js"];
  const { success, stderr } = new Deno.Command(compiler ?? "", { args, cwd: folder }).outputSync();
  if (!success) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  return `${folder}/slot`;
}
