/** A task that is followed by its record: one of another client, or of an earlier run of this one. */
import type { Dictionary } from "../protocol/frames.ts";
import { STATUS } from "../protocol/groups.ts";
import type { Asked } from "./asked.ts";
import { dictionaryOf, isDictionary } from "./dictionaries.ts";
import {
  type TaskMetadata,
  type TaskNames,
  TaskOutput,
  type TaskOwner,
  type TaskRoute,
  TaskState,
} from "./task_state.ts";

/** What is asked of a record beside the result. A Python hub knows the first ones only. */
export const PEER_KEYS: readonly string[] = [
  "submitted",
  "started",
  "completed",
  "received",
  "engine_uuid",
  "metadata",
  "result_metadata",
  "result_content",
  "stdout",
  "stderr",
  "execute_result",
];
export const OUR_KEYS: readonly string[] = [...PEER_KEYS, "label", "status", "priority", "display_data"];

/** State of one such task; what its record says is over what a client would know. */
export class HubTask extends TaskState {
  readonly msgId: string;
  #record: Dictionary = {};

  constructor(owner: TaskOwner, index: number, route: TaskRoute, msgId: string) {
    super(owner, index, route, undefined);
    this.msgId = msgId;
    // Its number in the list of `HubNames`.
    this.n = index + 1;
  }

  /** Takes what the record says. Times and engine are kept for the result's own times. */
  recorded(record: Dictionary, names: TaskNames): void {
    this.#record = record;
    this.submitted = timeOf(record.submitted);
    this.started = timeOf(record.started);
    this.completed = timeOf(record.completed);
    const { engine_uuid: uuid } = record;
    this.engine = typeof uuid === "string" ? names.engineId(uuid) ?? -1 : -1;
    const { tries } = dictionaryOf(dictionaryOf(record.result_metadata).tsparallel);
    if (typeof tries === "number") this.tries = tries;
  }

  /** Marks it as ended, and takes over its output. */
  ended(status: number): void {
    this.status = status;
    this.received = timeOf(this.#record.received);
    const { stdout, stderr, display_data: shown, execute_result: result } = this.#record;
    const output = this.output ??= new TaskOutput();
    if (typeof stdout === "string" && stdout !== "") output.add("stdout", stdout);
    if (typeof stderr === "string" && stderr !== "") output.add("stderr", stderr);
    if (isDictionary(shown)) output.show(shown);
    if (!isDictionary(result)) return;
    output.result = result;
    output.show(result);
  }

  /** How the record says that it ended. */
  get recordedStatus(): number {
    const { status } = this.#record;
    if (typeof status === "string" && Object.hasOwn(STATUS, status)) {
      return STATUS[status as keyof typeof STATUS];
    }
    const said = dictionaryOf(this.#record.result_content).status;
    return said === "ok" ? STATUS.ok : said === "aborted" ? STATUS.aborted : STATUS.error;
  }

  override metadata(names: TaskNames, asked?: Asked, error?: Error | null): TaskMetadata {
    const { engine_uuid: uuid, label, priority, metadata } = this.#record;
    const options = dictionaryOf(metadata);
    return {
      ...super.metadata(names, asked, error),
      msgId: this.msgId,
      label: label ?? options.label ?? null,
      engineUuid: typeof uuid === "string" && uuid !== "" ? uuid : null,
      after: dependencies(options.after, this.msgId),
      follow: dependencies(options.follow, this.msgId),
      priority: typeof priority === "number" ? priority : 0,
    };
  }
}

/** Names of the tasks of one such result: their msg_ids by place. */
export class HubNames implements TaskNames {
  readonly #ids: readonly string[];
  readonly #names: TaskNames;

  constructor(ids: readonly string[], names: TaskNames) {
    this.#ids = ids;
    this.#names = names;
  }

  msgId(n: number): string {
    return this.#ids[n - 1] ?? "";
  }

  engineUuid(id: number): string | null {
    return this.#names.engineUuid(id);
  }

  engineId(uuid: string): number | null {
    return this.#names.engineId(uuid);
  }
}

/** Ours name tasks of the same client by numbers; peers give lists of msg_ids, or objects with them. */
function dependencies(value: unknown, msgId: string): readonly string[] {
  const { ids, dependencies: named } = dictionaryOf(value);
  const list: unknown = Array.isArray(value) ? value : ids ?? named;
  if (!Array.isArray(list)) return [];
  const prefix = msgId.slice(0, msgId.lastIndexOf("_") + 1);
  return list.map((id) => typeof id === "number" ? `${prefix}${id}` : String(id));
}

function timeOf(value: unknown): number {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? 0 : time;
}
