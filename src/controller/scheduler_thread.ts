/**
 * The schedulers' thread inside a controller: one message says where the hub's link is, one says why it ended.
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { createLogger } from "../base/log.ts";
import { runScheduler } from "../scheduler/scheduler.ts";

self.onmessage = async ({ data }) => {
  const log = createLogger({ level: data.level, name: "scheduler" });
  try {
    const code = await runScheduler({ link: String(data.link) }, log, new AbortController().signal);
    self.postMessage(code === 0 ? "stopped" : `exit code ${code}`);
  } catch (error) {
    self.postMessage(error instanceof Error ? error.message : String(error));
  }
  self.close();
};
