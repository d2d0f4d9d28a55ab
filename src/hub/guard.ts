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

/** Does this if the process is ended without an orderly stop, as by a second Ctrl-C; not any more once disposed of. */
export function beforeExit(...acts: (() => void)[]): Disposable {
  const onUnload = () => {
    for (const act of acts) act();
  };
  globalThis.addEventListener("unload", onUnload);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unload", onUnload) };
}
