/**
 * Ctrl-C and its relatives: the first asks for an orderly end, a second Ctrl-C does not ask.
 */
import { EXIT } from "./exit_codes.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGABRT"];

/** Which signal asked for the end; the reason of the `AbortSignal`. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor(readonly signal: Deno.Signal) {
    super(`Interrupted by ${signal}`);
  }
}

/** Runs `work` with a signal that Ctrl-C, SIGTERM or a closed terminal aborts; a second Ctrl-C ends the process. */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController();
  const handlers = SIGNALS.map((name) =>
    [name, () => {
      if (stop.signal.aborted && name === "SIGINT") Deno.exit(EXIT.interrupted);
      stop.abort(new Interrupted(name));
    }] as const
  );
  for (const [name, handler] of handlers) Deno.addSignalListener(name, handler);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    for (const [name, handler] of handlers) Deno.removeSignalListener(name, handler);
  }
}
