/**
 * Local waits: with a bound and a signal, and no timer left behind.
 */

import { listenForAbort } from "./abort_listeners.ts";

/** How long to wait here. */
export interface WaitOptions {
  /** Default: for ever. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for a promise, which goes on whatever happens to the wait.
 * @param state what to say of it if the time runs out
 * @throws DOMException TimeoutError after `timeoutMs`; the signal's reason
 */
export function withinTime<T>(promise: Promise<T>, options: WaitOptions, state: () => string): Promise<T> {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined && signal === undefined) return promise;
  if (signal?.aborted === true) return Promise.reject(abortError(signal));
  return new Promise<T>((resolve, reject) => {
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      end();
      reject(new DOMException(`Waited ${timeoutMs} ms: ${state()}`, "TimeoutError"));
    }, timeoutMs);
    const unlisten = signal === undefined ? undefined : listenForAbort(signal, () => {
      end();
      reject(abortError(signal));
    });
    const end = () => {
      clearTimeout(timer);
      unlisten?.();
    };
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

/** What a signal was aborted with, as something to throw. */
export function abortError(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException("The wait was aborted", "AbortError");
}

interface Runtime {
  readonly Deno?: { readonly unrefTimer?: (timer: unknown) => void };
}

/** Calls back after a time, unless the returned function is called before. The program does not stay alive for it. */
export function idleTimer(call: () => void, ms: number): () => void {
  const timer: unknown = setTimeout(call, ms);
  const { Deno: deno } = globalThis as Runtime;
  deno?.unrefTimer?.(timer);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
}
