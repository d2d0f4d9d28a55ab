/**
 * Records one by one, got page by page: no more than one page and the next are in memory, however many there are.
 */
import { RemoteError } from "../protocol/errors.ts";
import type { Dictionary } from "../protocol/frames.ts";
import type { RecordPage } from "../protocol/messages.ts";
import type { Connection } from "./connection.ts";
import { query, type TaskRecord } from "./hub_queries.ts";
import type { RequestOptions } from "./requests.ts";

/** How records are read. */
export interface TasksOptions extends RequestOptions {
  /** Records in one answer of the hub. Default 1000; fewer where an answer could not hold so many. */
  readonly pageSize?: number | undefined;
}

const PAGE = 1000;
/** What the hub gives at most. */
const MAX_PAGE = 100_000;

/**
 * Records that meet a query, in the order of their submission. Each that was there at the beginning and is there when its turn comes is told once; those that
 * are added meanwhile may come too. A hub that is Python's gives all at once.
 * @throws RangeError for a page size below 1 or above 100,000; RemoteError for an unknown field or operator; DOMException
 */
export async function* recordPages(
  connection: Connection,
  conditions: Dictionary,
  keys: readonly string[] | null,
  { pageSize = PAGE, ...options }: TasksOptions,
): AsyncGenerator<TaskRecord, void, undefined> {
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE) {
    throw new RangeError(
      `Cannot use ${pageSize} for "pageSize": it takes a whole number from 1 to ${MAX_PAGE}`,
    );
  }
  const isExtra = keys !== null && !keys.includes("submitted");
  const wanted = isExtra ? [...keys, "submitted"] : keys;
  let page: RecordPage = { limit: pageSize };
  for (;;) {
    const records = await readPage(connection, conditions, wanted, { page, options });
    for (const record of records.records) {
      if (isExtra) delete (record as Record<string, unknown>).submitted;
      yield record;
    }
    if (records.next === undefined) return;
    page = records.next;
  }
}

/** One page, and where the next begins. What is too large for an answer is asked for in smaller pages. */
async function readPage(
  connection: Connection,
  conditions: Dictionary,
  keys: readonly string[] | null,
  { page, options }: { readonly page: RecordPage; readonly options: RequestOptions },
): Promise<{ readonly records: TaskRecord[]; readonly next: RecordPage | undefined }> {
  for (let { limit } = page;; limit = Math.ceil(limit / 4)) {
    try {
      const records = await query(connection, conditions, keys, { ...options, page: { ...page, limit } });
      const last = records.at(-1);
      const isLast = !connection.speaksGroups || last === undefined || records.length < limit;
      const after = { submitted: String(last?.submitted), msg_id: String(last?.msg_id) };
      return { records, next: isLast ? undefined : { limit: page.limit, after } };
    } catch (error) {
      const isTooLarge = error instanceof RemoteError && error.ename === "ValueError" && limit > 1;
      if (!isTooLarge) throw error;
    }
  }
}
