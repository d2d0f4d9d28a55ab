/**
 * The schedulers' thread inside a controller: the first message says where the hub's file is; log lines and the reason of its end go back.
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import type { LogFields, Logger } from "../base/log.ts";
import { runScheduler } from "../scheduler/scheduler.ts";

/** A logger whose lines are written by the main thread. */
function forwardingLogger(own: LogFields): Logger {
  const send = (level: string) => (text: string, fields?: LogFields) => {
    const texts = Object.entries({ ...own, ...fields }).map(([name, value]) => [name, plain(value)]);
    self.postMessage({ kind: "log", level, text, fields: Object.fromEntries(texts) });
  };
  return {
    debug: send("debug"),
    info: send("info"),
    warn: send("warn"),
    error: send("error"),
    with: (fields) => forwardingLogger({ ...own, ...fields }),
  };
}

/** Values that a message between threads carries. */
function plain(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}

const stop = new AbortController();

self.onmessage = async ({ data }) => {
  // The second message: it is heard while the thread still waits for the hub; later the hub's own word is.
  if (data.file === undefined) return stop.abort();
  try {
    const code = await runScheduler(
      { file: String(data.file), isThread: true },
      forwardingLogger({}),
      stop.signal,
    );
    self.postMessage({ kind: "ended", reason: code === 0 ? "stopped" : `exit code ${code}` });
  } catch (error) {
    self.postMessage({ kind: "ended", reason: error instanceof Error ? error.message : String(error) });
  }
  self.close();
};
