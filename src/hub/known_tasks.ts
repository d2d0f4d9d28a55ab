/**
 * How tasks ended that a scheduler has never seen, as the records tell: for tasks that depend on those of an earlier run. Direct requests are none of the task
 * scheduler's, and what has not ended in its own run never will.
 */
import type { RecordStore } from "./records.ts";
import type { Registry } from "./registry.ts";

/** One such task, as the schedulers are told of it. */
interface KnownTask {
  readonly msg_id: string;
  readonly ok: boolean;
  /** Where it ended, -1 for an engine that is not there. */
  readonly engine: number;
  /** Of a client of ours. */
  readonly client?: number;
}

/** Those of these tasks that have ended. */
export async function knownTasks(
  store: RecordStore,
  registry: Registry,
  msgIds: unknown,
): Promise<readonly KnownTask[]> {
  const known: KnownTask[] = [];
  for (const msgId of Array.isArray(msgIds) ? msgIds : []) {
    if (typeof msgId !== "string") continue;
    const record = await store.get(msgId);
    if (record === undefined || record.field("queue") !== "task" || record.field("completed") === null) {
      continue;
    }
    const uuid = record.field("engine_uuid");
    const engine = typeof uuid === "string" ? registry.byUuid(uuid)?.id ?? -1 : -1;
    known.push({
      msg_id: msgId,
      ok: record.field("status") === "ok",
      engine,
      ...clientOf(store.clients.nameOf(msgId)),
    });
  }
  return known;
}

function clientOf(name: { readonly client: number } | undefined): { readonly client?: number } {
  return name === undefined ? {} : { client: name.client };
}
