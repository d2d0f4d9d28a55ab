/** No exception in a handler may end the hub: it is logged, and the next event finds the hub alive. */

import type { Logger } from "../base/log.ts";

/** `run`, with what it throws in the log. */
export function guarded(log: Logger, what: string, run: () => void): () => void {
  return () => {
    try {
      run();
    } catch (error) {
      log.error("A handler failed", {
        what,
        error: error instanceof Error ? error.stack ?? error.message : String(error),
      });
    }
  };
}
