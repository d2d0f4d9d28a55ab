/**
 * The program's one door. A slot's child must be up in a few milliseconds, so it loads its bundle and nothing else of ours.
 */

if (Deno.args[0] === "slot-child") {
  await import("./src/engine/child_bundle.js");
} else {
  const { main } = await import("./src/cli/cli.ts");
  await main(Deno.args);
}
