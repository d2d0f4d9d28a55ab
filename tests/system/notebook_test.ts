/** The client in a Deno notebook, as Jupyter's own client sees it: work, progress, errors, interrupts, and the notebook among the examples. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { NEEDS_PYTHON, PYTHON } from "./python_peers.ts";
import { Run } from "./run.ts";

const CHECKS = ["work_and_progress", "readable_errors", "interrupts", "the_example"] as const;
const PATIENCE_MS = 120_000;

interface Check {
  readonly name: string;
  readonly error: string | null;
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** Where Jupyter finds a kernel that is this Deno. */
async function kernelSpecs(folder: string): Promise<string> {
  const spec = {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
  };
  await Deno.mkdir(`${folder}/kernels/tsparallel-deno`, { recursive: true });
  await Deno.writeTextFile(`${folder}/kernels/tsparallel-deno/kernel.json`, JSON.stringify(spec));
  return folder;
}

Deno.test({
  name: `a Deno notebook ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  fn: async (test) => {
    await using run = await Run.start();
    const specs = await kernelSpecs(`${run.folder.dir}/jupyter`);
    const { stdout, stderr } = await new Deno.Command(PYTHON!, {
      args: [pathOf("notebook_checks.py"), specs, pathOf("../../examples/notebook.ipynb"), ...CHECKS],
      env: { IPP_PROFILE_DIR: run.folder.dir },
      stdin: "null",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).output();
    const text = new TextDecoder().decode(stdout);
    const checks: Check[] = text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    for (const name of CHECKS) {
      await test.step(name.replaceAll("_", " "), () => {
        const check = checks.find((check) => check.name === name);
        assert(check !== undefined, new TextDecoder().decode(stderr));
        assert.equal(check.error, null, check.error ?? "");
      });
    }
  },
});
