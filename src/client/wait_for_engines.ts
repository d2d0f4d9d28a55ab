/**
 * Waiting until a cluster has its engines.
 */
import type { Connection } from "./connection.ts";
import { type WaitOptions, withinTime } from "./waiting.ts";

/** Between two questions to the hub, in case a notification was published before our subscription had arrived. */
const ASK_MS = 500;

/**
 * Waits until so many engines are registered; gives their ids.
 * @throws DOMException TimeoutError after `timeoutMs`; RangeError for a count that is none
 */
export async function waitForEngines(
  connection: Connection,
  count: number,
  options: WaitOptions = {},
): Promise<readonly number[]> {
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`Cannot wait for ${count} engines: it takes a whole number`);
  }
  const { engines } = connection;
  if (engines.ids.length >= count) return engines.ids;
  connection.check();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const forget = engines.onChange(() => engines.ids.length >= count ? resolve() : undefined);
  const timer = setInterval(() => connection.isEnded ? reject(connection.endError) : ask(connection), ASK_MS);
  ask(connection);
  const awaited = connection.awaits();
  try {
    await withinTime(promise, options, () => `${engines.ids.length} of ${count} engines are registered`);
  } finally {
    clearInterval(timer);
    forget();
    awaited();
  }
  return engines.ids;
}

/** An answer that does not come is no matter here: the next question follows. */
function ask(connection: Connection): void {
  connection.refresh({ timeoutMs: ASK_MS * 4 }).catch(() => {});
}
