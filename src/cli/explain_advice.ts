/**
 * What can be done about a task that did not end well. Pure.
 */
import type { PostMortem } from "../protocol/post_mortem.ts";

/** The option of each limit, in views and as an engine's flag. */
const LIMIT_OPTIONS: Readonly<Record<string, string>> = {
  "run time": "runTimeoutMs",
  deadline: "deadlineMs",
  cpu: "cpuLimitMs",
  memory: "memoryLimitMB",
  output: "outputLimitBytes",
  result: "resultLimitBytes",
};

/** A sentence; empty where nothing is wrong. */
export function adviceFor(record: Readonly<Record<string, unknown>>, known: PostMortem | null): string {
  const { status, completed } = record;
  if (completed === null) return status === "waiting" ? WAITING : "";
  if (status === "ok" || known === null) return "";
  if (known.denied.length > 0) return deniedAdvice(known);
  switch (known.endedBy) {
    case "limit": {
      const option = LIMIT_OPTIONS[known.limit?.limit ?? ""];
      return option === undefined
        ? "give it more room, or less to do."
        : `give it more room (\`view.with({ limits: { ${option}: … } })\`, at most what its engine allows), or less to do.`;
    }
    case "exit":
      return "look for a call that ends the process (Deno.exit, process.exit) or for a crash in what it wrote last.";
    case "signal":
      return "signal 9 from outside is often the system's out-of-memory killer: see its log, and give tasks a memory limit.";
    case "engine":
      return "it may have run. Send it again if that does no harm, or give such tasks `retries`; the engine's log says why it left.";
    case "protocol":
      return "see the engine's log; treat the code as hostile.";
    case "timeout":
      return "start more engines, or give it a longer `queueTimeoutMs`.";
    case "dependency":
      return "look at the tasks and engines that it names in `after`, `follow` and `targets`.";
    case "cancel":
      return "nothing, if that was meant; else send it again: `client.resubmit([id])`.";
    case "refused":
      return "the message names what was wrong with the request.";
    default:
      return "the error is the code's own.";
  }
}

const WAITING =
  "nothing, if engines are busy; `tsparallel status` shows what they do, `tsparallel cancel` takes it away.";

function deniedAdvice({ denied }: PostMortem): string {
  const names = [...new Set(denied.map(({ permission }) => permission))];
  return `if that is meant to be allowed, ask for it (\`view.with({ permissions: … })\`) and start an engine that grants it (--allow-${
    names.join(", --allow-")
  }).`;
}
