/** Topics of the link's data messages (PROTOCOL.md, "Link"): what the scheduler sends and the hub takes in. */

/** Copies of peers' messages that become records. */
const RECORDED = ["in", "out", "intask", "tracktask", "outtask", "inbcast", "outbcast", "iopub"] as const;
/** Copies that nobody records. */
const CONTROL = ["incontrol", "outcontrol"] as const;

export type RecordedTopic = (typeof RECORDED)[number];
export type LinkTopic =
  | "tasks"
  | "direct"
  | "chunk"
  | "assigned"
  | "results"
  | RecordedTopic
  | (typeof CONTROL)[number];

const RECORDED_TOPICS: ReadonlySet<string> = new Set(RECORDED);

/**
 * Copies of peers' messages, which are small and many: those of one turn of the loop leave as one message. Of groups each is many tasks already.
 */
export const GATHERED_TOPICS: ReadonlySet<LinkTopic> = new Set<LinkTopic>([...RECORDED, ...CONTROL]);

/**
 * Of these, those that may wait for others to leave with them: no decision of the hub hangs on them, and before it answers a question it lets the scheduler send what waits.
 */
export const PATIENT_TOPICS: ReadonlySet<LinkTopic> = new Set<LinkTopic>([
  "intask",
  "tracktask",
  "outtask",
  "iopub",
]);

export function isRecordedTopic(topic: string): topic is RecordedTopic {
  return RECORDED_TOPICS.has(topic);
}
