/** A Python with ipyparallel: the one that TSPARALLEL_PYTHON names, or a fresh environment with the pinned packages. */

import { fileURLToPath } from "node:url";

/** The interpreter that the environment names. */
export const PYTHON = Deno.env.get("TSPARALLEL_PYTHON") || undefined;

/** What a test that wants it writes into its name. */
export const NEEDS_PYTHON = "needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));

/**
 * Makes a virtual environment in `folder` and installs what the peers need.
 * @returns the path of its interpreter
 */
export async function makePython(folder: string): Promise<string> {
  const python = `${folder}/bin/python`;
  await run("python3", ["-m", "venv", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
  return python;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command(command, { args: [...args], stdin: "null" }).spawn().status;
  if (code !== 0) throw new Error(`Cannot install Python peers: "${command} ${args.join(" ")}" gave ${code}`);
}
