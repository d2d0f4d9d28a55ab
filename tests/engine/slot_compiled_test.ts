import { grantSuite } from "../contracts/slot_grants.ts";
import { slotSuite } from "../contracts/slot.ts";
import { processSuite } from "../contracts/slot_process.ts";
import { wallSuite } from "../contracts/slot_walls.ts";

const base = Deno.env.get("DENORT_BIN");
const compiler = Deno.env.get("TSPARALLEL_DENO26");
const ignore = base === undefined || compiler === undefined;
const why = ignore ? " (needs DENORT_BIN and TSPARALLEL_DENO26)" : "";

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

let program: string | undefined;
const command = () => [program ??= compile(), "slot-child"];

slotSuite({ name: `compiled slot${why}`, command, ignore });
wallSuite({ name: `compiled slot${why}`, command, ignore, isCompiled: true });
grantSuite({ name: `compiled slot${why}`, command, ignore, isCompiled: true });
processSuite({ name: `compiled slot${why}`, command, ignore });
