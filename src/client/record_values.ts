/**
 * Results as records hold them: our own coded values, Python's pickles, what cells gave.
 */
import type { Dictionary, Message } from "../protocol/frames.ts";
import { readResult } from "../protocol/pickle_apply.ts";
import { readValue } from "../protocol/values.ts";
import { dictionaryOf } from "./dictionaries.ts";
import { cellOf } from "./peer_messages.ts";

/** The fields of a record that tell how its result is to be read. */
export interface Stored extends Dictionary {
  readonly header?: unknown;
  readonly result_metadata?: unknown;
  readonly result_content?: unknown;
  /** In a `result_reply`. */
  readonly io?: unknown;
  /** In a `db_reply`. */
  readonly execute_result?: unknown;
}

/**
 * The value of a task that ended well.
 * @throws if it cannot be read
 */
function valueOf(record: Stored, buffers: readonly Uint8Array[]): unknown {
  const { tsparallel } = dictionaryOf(record.result_metadata);
  if (tsparallel !== undefined) {
    const [body, ...rest] = buffers;
    if (body === undefined) throw new TypeError("the result is not kept");
    return readValue(body, rest);
  }
  if (dictionaryOf(record.header).msg_type === "execute_request") {
    return cellOf(
      dictionaryOf(record.result_content),
      dictionaryOf(record.io).execute_result ?? record.execute_result,
    );
  }
  return readResult(buffers);
}

/** The value of a task that ended well; the buffers themselves where only Python could read them. */
export function valueOrBytes(record: Stored, buffers: readonly Uint8Array[]): unknown {
  try {
    return valueOf(record, buffers);
  } catch (error) {
    if (buffers.length > 0) return buffers;
    throw error;
  }
}

/** The records of a `db_reply`, each with its own buffers and its result, where buffers were asked for. */
export function withBuffers({ content, buffers }: Message): Dictionary[] {
  const records = Array.isArray(content.records) ? content.records.map(dictionaryOf) : [];
  let at = 0;
  const take = (lengths: unknown, i: number): Uint8Array[] | undefined => {
    const count: unknown = Array.isArray(lengths) ? lengths[i] : undefined;
    if (typeof count !== "number") return undefined;
    return buffers.slice(at, at += count);
  };
  return records.map((record, i) => {
    const own = take(content.buffer_lens, i);
    const results = take(content.result_buffer_lens, i);
    return {
      ...record,
      ...(own === undefined ? {} : { buffers: own }),
      ...(results === undefined ? {} : { result_buffers: results, ...resultOf(record, results) }),
    };
  });
}

function resultOf(record: Stored, buffers: readonly Uint8Array[]): { readonly result?: unknown } {
  if (dictionaryOf(record.result_content).status !== "ok") return {};
  try {
    return { result: valueOf(record, buffers) };
  } catch {
    return {};
  }
}
