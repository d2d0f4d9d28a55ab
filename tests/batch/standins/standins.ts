/** Puts the stand-in commands of a batch system on the PATH of this test process. */

const SCRIPT = new URL("standin.sh", import.meta.url).pathname;

/** Makes these commands there for as long as the process lives; their jobs are processes of this machine. */
export function standIn(...commands: readonly string[]): void {
  const state = Deno.makeTempDirSync({ prefix: "tsparallel-standin-" });
  for (const command of commands) Deno.symlinkSync(SCRIPT, `${state}/${command}`);
  Deno.env.set("STANDIN_STATE", state);
  Deno.env.set("STANDIN_DENO", Deno.execPath());
  Deno.env.set("PATH", `${state}:${Deno.env.get("PATH")}`);
  addEventListener("unload", () => Deno.removeSync(state, { recursive: true }));
}
