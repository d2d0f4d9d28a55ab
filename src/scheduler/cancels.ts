/**
 * Tasks that the hub is asked to stop, of whichever client: each is looked for in every scheduler, and the hub is told what that came to.
 */
import { type By, byOf } from "../protocol/by.ts";
import type { ControlRelay } from "./control_relay.ts";
import type { DirectScheduler } from "./direct_scheduler.ts";
import type { CancelWord } from "./events.ts";
import type { HubLink, HubNews } from "./hub_link.ts";
import type { TaskScheduler } from "./task_scheduler.ts";

export interface CancelParts {
  readonly link: HubLink;
  /** Null where this controller's tasks are not scheduled here. */
  readonly tasks: TaskScheduler | null;
  readonly direct: DirectScheduler;
  readonly control: ControlRelay;
  /** Whether an engine is ours. */
  readonly isOurs: (uuid: string) => boolean;
}

/** How the hub names a task. */
interface Named {
  readonly msgId: string;
  /** Of a client of ours. */
  readonly own: { readonly client: number; readonly n: number } | undefined;
  /** The engine that has a peer's direct request, or its copy of a broadcast. */
  readonly uuid: string | undefined;
}

export class Cancels {
  readonly #parts: CancelParts;
  readonly #answers: HubNews[] = [];

  constructor(parts: CancelParts) {
    this.#parts = parts;
  }

  /** The hub's `cancel`. */
  take({ request, tasks, who, why }: HubNews): void {
    if (!Array.isArray(tasks)) return;
    const by = byOf(who, why);
    const named = tasks.map(readName).filter((task) => task !== undefined);
    const words = Object.fromEntries(named.map((task) => [task.msgId, this.#cancel(task, by)]));
    this.#answers.push({ kind: "cancelled", request, words });
  }

  #cancel({ msgId, own, uuid }: Named, by: By): CancelWord {
    const { tasks, direct, control, isOurs } = this.#parts;
    const word = tasks?.cancel(own ?? msgId, by) ?? "unknown";
    if (word !== "unknown") return word;
    if (own !== undefined && direct.cancel(own, by)) return "cancelling";
    if (uuid === undefined || !direct.isRegistered(uuid)) return "unknown";
    control.cancelAt(uuid, [msgId], by);
    return isOurs(uuid) ? "cancelling" : "asked";
  }

  /** Tells the hub what came of it, behind the results of what has ended. */
  flush(): void {
    for (const answer of this.#answers.splice(0)) this.#parts.link.tell(answer);
  }
}

function readName(value: unknown): Named | undefined {
  if (typeof value !== "object" || value === null || !("msg_id" in value)) return undefined;
  const { msg_id: msgId, client, n, uuid } = value as Record<string, unknown>;
  if (typeof msgId !== "string") return undefined;
  const own = typeof client === "number" && typeof n === "number" ? { client, n } : undefined;
  return { msgId, own, uuid: typeof uuid === "string" ? uuid : undefined };
}
