/** What `tsparallel status` shows of walls. */
import assert from "node:assert/strict";
import { type Status, statusText } from "../../src/cli/status.ts";
import type { Run } from "../../src/cli/command.ts";

const RUN = { profileName: "default", clusterId: "", dir: "/run" } as Partial<Run> as Run;

function shown(...sandboxes: string[]): string {
  const engines = sandboxes.map((sandbox, id): Status => ({ id, ours: true, sandbox }));
  return statusText({ engines }, RUN);
}

Deno.test("the table has each engine's walls, and below it stands once what is open or wider than granted", () => {
  const wide = "deno, landlock 7, seccomp; wider than granted: UDP to any host and port";
  const text = shown(wide, "deno; open: files (no Landlock)", wide, "deno, landlock 7, seccomp");
  const [table, remarks] = text.split("\nwalls:\n");
  assert.equal(table!.includes("UDP"), false);
  assert.equal(table!.match(/deno, landlock 7, seccomp/g)?.length, 3);
  assert.deepEqual(remarks!.split("\n"), [
    "  engines 0, 2: wider than granted: UDP to any host and port",
    "  engine 1: open: files (no Landlock)",
  ]);
  assert.equal(shown("deno, landlock 7, seccomp").includes("walls:"), false);
});
