/** Runs the program from source, as users do, and gives back what it said. */
import { programCommand } from "../../src/cluster/process.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `tsparallel …args` to its end, at most 60 s. */
export async function tsparallel(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Said> {
  const program = programCommand();
  const { code, stdout, stderr } = await new Deno.Command(program.command, {
    args: [...program.args, ...args],
    env: { NO_COLOR: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
