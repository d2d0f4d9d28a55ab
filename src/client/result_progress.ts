/** Waiting while somebody looks: how far a call is, shown again and again. */
import { type Display, displayHere } from "./progress_display.ts";
import type { WaitForOptions } from "./result_wait.ts";

/** How tasks stand. */
export interface Counts {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** What is shown. */
export interface Watched {
  readonly what: string;
  counts(): Counts;
  wait(options: WaitForOptions): Promise<unknown>;
}

/** How it is shown. */
export interface InteractiveOptions extends WaitForOptions {
  /** Milliseconds between two looks. Default 100 for a bar, 1000 for lines of text. */
  readonly interval?: number | undefined;
  /** Takes lines of text in place of the terminal or the notebook. */
  readonly write?: ((text: string) => void) | undefined;
  /** Where to show it; default: what there is. */
  readonly display?: Display | undefined;
}

/**
 * Waits and shows. In a notebook, interrupting the cell ends the wait, and the tasks go on.
 * @throws RangeError for an interval that is no positive number; as `AsyncResult.wait`; DOMException AbortError if the cell is interrupted
 */
export async function waitInteractive(watched: Watched, options: InteractiveOptions): Promise<void> {
  const { interval, write, display, ...rest } = options;
  if (interval !== undefined && !(interval > 0)) {
    throw new RangeError(`Cannot use ${interval} for "interval": it takes milliseconds, more than 0`);
  }
  const started = performance.now();
  const state = () => ({
    ...watched.counts(),
    what: watched.what,
    seconds: (performance.now() - started) / 1000,
  });
  const shown = display ?? await displayHere(write);
  const interrupt = new AbortController();
  const leave = shown.onInterrupt?.(() =>
    interrupt.abort(new DOMException(`The wait was interrupted: ${watched.what} goes on`, "AbortError"))
  );
  shown.begin(state());
  const timer = setInterval(() => shown.update(state()), interval ?? shown.intervalMs);
  const signals = rest.signal === undefined ? [interrupt.signal] : [interrupt.signal, rest.signal];
  try {
    await watched.wait({ ...rest, signal: AbortSignal.any(signals) });
  } finally {
    leave?.();
    clearInterval(timer);
    shown.end(state());
  }
}
