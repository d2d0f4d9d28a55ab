/** Topics of the link's data messages (PROTOCOL.md, "Link"): what the scheduler sends and the hub takes in. */

/** Copies of peers' messages that become records. */
const RECORDED = ["in", "out", "intask", "tracktask", "outtask", "inbcast", "outbcast", "iopub"] as const;
/** Copies of groups. */
const GROUPS = ["tasks", "direct", "assigned", "results"] as const;
/** Copies that nobody records. */
const CONTROL = ["incontrol", "outcontrol"] as const;

export type RecordedTopic = (typeof RECORDED)[number];
export type LinkTopic =
  | "chunk"
  | (typeof GROUPS)[number]
  | RecordedTopic
  | (typeof CONTROL)[number];

/** Topics of groups. */
export const GROUP_TOPICS: ReadonlySet<string> = new Set(GROUPS);

const RECORDED_TOPICS: ReadonlySet<string> = new Set(RECORDED);

/**
 * Copies that leave together as one message, as long as they are small: those of one turn of the loop. A group of many tasks is not small, and
 * leaves alone.
 */
export const GATHERED_TOPICS: ReadonlySet<LinkTopic> = new Set<LinkTopic>([
  ...GROUPS,
  ...RECORDED,
  ...CONTROL,
]);

/**
 * Of these, those that may wait for others to leave with them: no decision of the hub hangs on them, and before it answers a question it lets the scheduler send what waits.
 */
export const PATIENT_TOPICS: ReadonlySet<LinkTopic> = new Set<LinkTopic>([
  ...GROUPS,
  "intask",
  "tracktask",
  "outtask",
  "iopub",
]);

export function isRecordedTopic(topic: string): topic is RecordedTopic {
  return RECORDED_TOPICS.has(topic);
}
