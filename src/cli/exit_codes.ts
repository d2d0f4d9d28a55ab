/**
 * What the program's exit codes mean, and which code an error gets.
 */
import { OptionError } from "../base/options.ts";

/** Exit codes, as documented in every `--help`. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  noCluster: 3,
  taskError: 4,
  interrupted: 130,
} as const;

/** The paragraph about them in the help. */
export const EXIT_HELP = `
Exit codes: 0 done · 1 failed · 2 wrong usage · 3 no cluster or no connection · 4 a task ended with an error ·
130 interrupted`;

const NO_CLUSTER: readonly string[] = ["ConnectionFileError", "NoEnginesRegistered", "NoClusterError"];
const USAGE: readonly string[] = ["RangeError"];

/** The exit code that fits an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OptionError) return EXIT.usage;
  const name = error instanceof Error ? error.name : "";
  if (NO_CLUSTER.includes(name)) return EXIT.noCluster;
  return USAGE.includes(name) ? EXIT.usage : EXIT.failed;
}
