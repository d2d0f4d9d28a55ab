import assert from "node:assert/strict";
import { landlockVersion } from "../../src/native/landlock.ts";

// Before the first test, which would otherwise be told that it left a library open.
const version = landlockVersion();

Deno.test("raiseLandlock() leaves a process without files, and says its version", async () => {
  if (version === 0) return;
  const module = new URL("../../src/native/landlock.ts", import.meta.url).href;
  const code = `
    import { noNewPrivileges, raiseLandlock } from "${module}";
    const before = Deno.readTextFileSync("/etc/passwd").length > 0;
    const raised = [noNewPrivileges(), raiseLandlock()];
    let after = "open";
    try { Deno.readTextFileSync("/etc/passwd"); } catch (error) { after = error.name; }
    console.log(JSON.stringify([before, ...raised, after]));`;
  const args = ["run", "-A", "--no-check", "data:application/javascript," + encodeURIComponent(code)];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), [true, true, version, "PermissionDenied"]);
});
