/**
 * Dependencies on tasks that this scheduler has never seen and the hub's records may know, as those of an earlier run of the controller: the task that names them
 * waits here until the hub has said how they ended.
 */
import type { SchedulerCore } from "./core.ts";
import type { DependencySpec } from "./dependencies.ts";
import type { HubLink, HubNews } from "./hub_link.ts";
import type { PeerTasks } from "./peer_tasks.ts";
import { BadOption, type TaskOptions } from "./task_options.ts";

/** Most ids that one task has the hub asked for. */
const MOST_IDS = 1000;

/** A task that waits for the hub's word. */
interface Held {
  readonly seq: number;
  /** Its options, as they are to be understood then. */
  readonly read: () => TaskOptions | null | BadOption;
}

export class UnseenTasks {
  readonly #core: SchedulerCore;
  readonly #link: HubLink;
  readonly #peers: PeerTasks;
  readonly #held = new Map<number, Held>();
  #requests = 0;

  constructor(parts: { readonly core: SchedulerCore; readonly link: HubLink; readonly peers: PeerTasks }) {
    this.#core = parts.core;
    this.#link = parts.link;
    this.#peers = parts.peers;
  }

  /** Ids that the hub may know and this scheduler does not; none if one of them cannot be known to anybody. */
  namedBy({ after, follow }: TaskOptions): readonly string[] {
    const ids = [...this.#unseen(after), ...this.#unseen(follow)];
    const texts = ids.filter((id) => typeof id === "string");
    return texts.length < ids.length || texts.length > MOST_IDS ? [] : texts;
  }

  *#unseen(spec: DependencySpec | null): Generator<string | number> {
    if (spec === null) return;
    for (const [i, key] of spec.keys.entries()) {
      if (key >= 0 && this.#core.knows(key)) continue;
      yield spec.ids[i]!;
    }
  }

  /** Asks the hub for them. The task was submitted as one that is held. */
  ask(ids: readonly string[], held: Held): void {
    const request = ++this.#requests;
    this.#held.set(request, held);
    this.#link.tell({ kind: "known", request, msg_ids: ids });
  }

  /** The hub's word; what it does not name is nobody's task. Call `dispatch` afterwards. */
  answered({ request, tasks }: HubNews): void {
    const held = typeof request === "number" ? this.#held.get(request) : undefined;
    if (held === undefined) return;
    this.#held.delete(request as number);
    for (const task of Array.isArray(tasks) ? tasks : []) this.#remember(task);
    const options = held.read();
    if (options instanceof BadOption) this.#core.refuse(held.seq, options.name, options.message);
    else this.#core.release(held.seq, options);
  }

  #remember(task: unknown): void {
    const { msg_id: msgId, ok, engine, client } = task as Record<string, unknown>;
    if (typeof msgId !== "string" || typeof engine !== "number") return;
    const id = this.#peers.remembered(msgId, typeof client === "number" ? client : undefined);
    if (id !== undefined) this.#core.remember(id.client, id.n, ok === true, engine);
  }
}
