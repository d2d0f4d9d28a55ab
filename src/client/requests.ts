/**
 * Requests to the hub and over control: a promise per msg_id, bounded in time.
 */
import { type ErrorDescription, errorFromContent } from "../protocol/errors.ts";
import type { Message } from "../protocol/frames.ts";
import { listenForAbort } from "./abort_listeners.ts";
import { abortError } from "./waiting.ts";

/** How long to wait for a reply. */
export interface RequestOptions {
  /** Default: that of the client, 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  resolve(message: Message): void;
  reject(error: unknown): void;
}

export class Requests {
  readonly #waiting = new Map<string, Waiter>();

  /**
   * Waits for the reply to a message that was just sent.
   * @param what for the error: `queue_request to the hub`
   * @throws Error if no reply comes within `timeoutMs`; RemoteError if the reply is one
   */
  reply(
    msgId: string,
    what: string,
    { timeoutMs = 10_000, signal }: RequestOptions,
    hint: () => string = () => "",
  ): Promise<Message> {
    if (signal?.aborted === true) return Promise.reject(abortError(signal));
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        unlisten?.();
        this.#waiting.delete(msgId);
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
      };
      const timer = setTimeout(
        () =>
          fail(
            new DOMException(
              `Cannot complete the ${what}: no reply in ${timeoutMs} ms${hint()}`,
              "TimeoutError",
            ),
          ),
        timeoutMs,
      );
      const unlisten = signal === undefined
        ? undefined
        : listenForAbort(signal, () => fail(abortError(signal)));
      this.#waiting.set(msgId, {
        resolve: (message) => {
          end();
          resolve(message);
        },
        reject: fail,
      });
    });
  }

  /** Takes a reply; false if nobody here waits for it. */
  received(message: Message): boolean {
    const { msg_id } = message.parentHeader;
    const waiter = msg_id === undefined ? undefined : this.#waiting.get(msg_id);
    if (waiter === undefined) return false;
    const { content } = message;
    if (content.status === "error") waiter.reject(errorFromContent(description(content), false));
    else waiter.resolve(message);
    return true;
  }

  failAll(error: Error): void {
    for (const waiter of [...this.#waiting.values()]) waiter.reject(error);
  }
}

function description(content: Readonly<Record<string, unknown>>): ErrorDescription {
  const { ename, evalue, traceback } = content;
  return {
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : "",
    traceback: Array.isArray(traceback) ? traceback.map(String) : [],
  };
}
