/**
 * The way of tasks as Jupyter messages: to one engine by mux, or to whichever the task scheduler chooses.
 */
import type { Dictionary } from "../protocol/frames.ts";
import type { PeerRequest } from "./peer_messages.ts";
import type { PeerTasks } from "./peer_tasks.ts";
import type { StopWord, TaskRoute, TaskState } from "./task_state.ts";

export class PeerPath implements TaskRoute {
  readonly isPeer = true;
  readonly #tasks: PeerTasks;
  /** Of the engine; null for the task scheduler. */
  readonly #uuid: string | null;
  #open = 0;

  constructor(tasks: PeerTasks, uuid: string | null) {
    this.#tasks = tasks;
    this.#uuid = uuid;
  }

  /** Tasks that are open. Nothing waits here for room. */
  get load(): { readonly sent: number; readonly waiting: number } {
    return { sent: this.#open, waiting: 0 };
  }

  submit(task: TaskState, request: PeerRequest, metadata: Dictionary): void {
    this.#open++;
    this.#tasks.submit(task, request, this.#uuid, metadata);
  }

  finished(task: TaskState): void {
    this.#open--;
    this.#tasks.forget(task);
  }

  /**
   * Asks the engines to refuse these tasks when they come to them. `cancel` ends them here at once and interrupts one that runs; a peer cannot be stopped by
   * force.
   */
  stop(tasks: readonly TaskState[], how: StopWord, reason?: unknown): void {
    const open = tasks.filter((task) => task.isOpen);
    if (open.length === 0) return;
    const { session, engines } = this.#tasks.host;
    const msg_ids = open.map((task) => session.msgId(task.n));
    const uuids = this.#uuid === null ? engines.peers.map(({ uuid }) => uuid) : [this.#uuid];
    // A controller of ours looks into it, and needs no engine to drop what still waits.
    if (uuids.length === 0) uuids.push(session.session);
    for (const uuid of uuids) this.#tasks.tell(uuid, "abort_request", { msg_ids });
    if (how === "abort") return;
    for (const { output } of open) {
      const uuid = output?.busyAt ?? null;
      if (uuid !== null) this.#tasks.tell(uuid, "signal_request", { sig: "SIGINT" });
    }
    this.#tasks.cancelled(open, reason);
  }
}
