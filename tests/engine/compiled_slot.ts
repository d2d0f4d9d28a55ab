/**
 * A slot's child as a compiled program has it, for tests: compiled once, from a folder without a package.
 */
const base = Deno.env.get("DENORT_BIN");
const compiler = Deno.env.get("TSPARALLEL_DENO26");

/** What a test of it must be registered with. */
export const ignore = base === undefined || compiler === undefined;
export const why = ignore ? " (needs DENORT_BIN and TSPARALLEL_DENO26)" : "";

/** The program that main.ts is to a slot. */
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

let program: string | undefined;
/** The command that starts it. */
export const compiledCommand = () => [program ??= compile(), "slot-child"];
