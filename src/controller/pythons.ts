/**
 * Which Python a controller of ours calls on, where it needs one: the one that the user names, and nothing else; else the one that
 * started this process, the one of the environment that is active, and those on the path, in this order.
 */
import { isAbsolute, join } from "node:path";

/** Interpreters to try, best first. */
export function pythonsOf(given: string | null, surroundings: Surroundings = here()): string[] {
  if (given !== null && given !== "") return [given];
  const { parent, environment } = surroundings;
  const folders = ["VIRTUAL_ENV", "CONDA_PREFIX"].map(environment).filter((dir) =>
    dir !== undefined && dir !== ""
  );
  const active = folders.map((dir) => join(dir ?? "", "bin", "python"));
  const named = environment("PYTHON") ?? "";
  const found = [...parent === undefined ? [] : [parent], ...active, ...named === "" ? [] : [named]];
  return [...new Set([...found, "python3", "python"])];
}

/** What the choice depends on. */
export interface Surroundings {
  /** The Python program that started this process, if one did. */
  readonly parent: string | undefined;
  readonly environment: (name: string) => string | undefined;
}

function here(): Surroundings {
  return { parent: parentPython(), environment: (name) => Deno.env.get(name) };
}

/** `ipyparallel.Cluster` starts its controller from the Python that users work in. */
function parentPython(): string | undefined {
  try {
    const [program = ""] = Deno.readTextFileSync(`/proc/${Deno.ppid}/cmdline`).split("\0");
    return isAbsolute(program) && /\/python[\d.]*$/.test(program) ? program : undefined;
  } catch {
    return undefined;
  }
}
