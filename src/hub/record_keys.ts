/** The keys of a record, and what kind of value each has: what a query may compare it with. */

/** What a key's value is, where it is not null. */
export type KeyKind = "text" | "number" | "time" | "object" | "buffers";

const KINDS = {
  msg_id: "text",
  header: "object",
  metadata: "object",
  content: "object",
  buffers: "buffers",
  submitted: "time",
  client_uuid: "text",
  engine_uuid: "text",
  started: "time",
  completed: "time",
  resubmitted: "text",
  received: "time",
  result_header: "object",
  result_metadata: "object",
  result_content: "object",
  result_buffers: "buffers",
  queue: "text",
  execute_input: "text",
  execute_result: "object",
  error: "object",
  stdout: "text",
  stderr: "text",
  label: "text",
  display_data: "object",
  status: "text",
  post_mortem: "object",
  permissions: "object",
  isolation: "text",
  sandbox: "text",
  priority: "number",
} as const satisfies Readonly<Record<string, KeyKind>>;

export type RecordKey = keyof typeof KINDS;

/** The keys of a record, in ipyparallel's order; those from `display_data` on are extras. */
export const RECORD_KEYS = Object.keys(KINDS) as readonly RecordKey[];

export function isRecordKey(key: string): key is RecordKey {
  return Object.hasOwn(KINDS, key);
}

/** Keys that are made of a task's arguments, and of its result: what is large. */
export const ARGUMENT_KEYS: ReadonlySet<RecordKey> = new Set(["content", "buffers", "execute_input"]);
export const RESULT_KEYS: ReadonlySet<RecordKey> = new Set(["result_content", "result_buffers"]);

export function kindOf(key: RecordKey): KeyKind {
  return KINDS[key];
}
