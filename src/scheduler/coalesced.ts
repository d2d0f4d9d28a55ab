/**
 * One reply out of those of all engines, as a coalescing broadcast view wants it. All are well: the last reply with everyone's buffers. Any has failed: an error that
 * says which and how, since the view has one result for all of them, and an error must not be lost among the good ones.
 */
import { jsonText } from "../base/json.ts";
import type { Message } from "../protocol/frames.ts";
import type { Outcome } from "./broadcast_core.ts";

/** What matters of a reply. */
type Part = Pick<Message, "content" | "buffers">;

/** What the reply to the client says. */
export interface Coalesced {
  readonly content: Readonly<Record<string, unknown>>;
  readonly status: "ok" | "error" | "aborted";
  readonly buffers: readonly Uint8Array[];
}

/** One engine that did not do it. */
interface Failure {
  readonly engine: number;
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** @param last the reply that came last, whose content stands for all if all are well */
export function coalesce(outcomes: readonly Outcome<Part>[], last: Part | null): Coalesced {
  const failures = outcomes.flatMap((outcome) => failureOf(outcome) ?? []);
  if (failures.length === 0 && last !== null) {
    const buffers = outcomes.flatMap(({ reply }) => reply?.buffers ?? []);
    return { content: last.content, status: "ok", buffers };
  }
  if (failures.every(({ ename }) => ename === ABORTED)) {
    return { content: { status: "aborted" }, status: "aborted", buffers: [] };
  }
  return { content: errorOf(failures, outcomes.length), status: "error", buffers: [] };
}

/** What came of one engine, as our own client is told it (PROTOCOL.md, "Broadcast"). */
export interface ListedOutcome {
  readonly uuid: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** When it answered; null if it did not. */
  readonly date: unknown;
  /** How many of the reply's buffers are its own. */
  readonly buffers: number;
}

/** What came of each engine, and the buffers of all in this order. */
export function listed(
  outcomes: readonly Outcome<Part & Partial<Pick<Message, "header" | "metadata">>>[],
): { readonly outcomes: readonly ListedOutcome[]; readonly buffers: readonly Uint8Array[] } {
  return {
    outcomes: outcomes.map(({ target: { uuid }, reply, why }) => ({
      uuid,
      content: reply?.content ?? lostContent(why),
      metadata: reply?.metadata ?? {},
      date: reply?.header?.date ?? null,
      buffers: reply?.buffers.length ?? 0,
    })),
    buffers: outcomes.flatMap(({ reply }) => reply?.buffers ?? []),
  };
}

function lostContent(why: string): Readonly<Record<string, unknown>> {
  return {
    status: "error",
    ename: "EngineError",
    evalue: why,
    traceback: [`EngineError: ${why}`],
    engine_info: {},
  };
}

const ABORTED = "TaskAborted";

function failureOf({ target, reply, why }: Outcome<Part>): Failure | null {
  const engine = target.id;
  if (reply === null) {
    return { engine, ename: "EngineError", evalue: why, traceback: [`EngineError: ${why}`] };
  }
  const { status, ename, evalue, traceback } = reply.content;
  if (status === "ok") return null;
  if (status === "aborted") {
    return { engine, ename: ABORTED, evalue: "aborted before it ran", traceback: ["aborted before it ran"] };
  }
  return {
    engine,
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : `a reply of status ${jsonText(status)}`,
    traceback: Array.isArray(traceback) ? traceback.map(String) : [],
  };
}

/** Without `engine_info`: it names one engine, and a client would wait for output under the request's own id, which no engine knows. */
function errorOf(failures: readonly Failure[], all: number): Readonly<Record<string, unknown>> {
  const names = new Set(failures.map(({ ename }) => ename));
  const [only] = names;
  const each = failures.map(({ engine, ename, evalue }) =>
    `[engine ${engine}] ${names.size === 1 ? "" : `${ename}: `}${evalue}`
  );
  const head = all === 1 ? "" : `${failures.length} of ${all} engines failed: `;
  return {
    status: "error",
    ename: names.size === 1 ? only : "CompositeError",
    evalue: `${head}${each.join("; ")}`,
    traceback: failures.flatMap(({ engine, ename, evalue, traceback }) => [
      `[Engine ${engine}] ${ename}: ${evalue}`,
      ...traceback,
    ]),
    engine_info: {},
  };
}
