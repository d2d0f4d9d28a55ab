/**
 * What a request of a client can be refused with: a class name and a text as ipyparallel's hub writes them, since Python's
 * client shows them as they come.
 */

import { ShapeError } from "../protocol/shapes.ts";

/** A refusal with the name that the reply's `ename` carries. */
export class RequestError extends Error {
  readonly ename: string;

  constructor(ename: string, message: string) {
    super(message);
    this.ename = ename;
  }
}

/** A KeyError: Python's text of it is the argument in quotes. */
export function keyError(text: string): RequestError {
  return new RequestError("KeyError", quoted(text));
}

/** An answer that would be too large; the text says what to do. */
export function tooMany(limit: number): RequestError {
  return new RequestError(
    "ValueError",
    `the query has more than ${limit} records: narrow it, for instance by a range of "submitted"`,
  );
}

/** An answer of too many bytes. */
export function tooLarge(limit: number): RequestError {
  return new RequestError(
    "ValueError",
    `the answer would have more than ${
      limit / 2 ** 20
    } MiB: ask for fewer tasks at a time, or name the keys that you need`,
  );
}

/** Text in quotes as Python's repr chooses them. */
export function quoted(text: string): string {
  if (text.includes("'") && !text.includes('"')) return `"${text}"`;
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** An error as the content of a reply. */
export interface ErrorContent {
  readonly [key: string]: unknown;
  readonly status: "error";
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: string[];
  readonly engine_info: Record<string, unknown>;
}

/** The content of an error reply: `traceback` must be a list, and `engine_info` is empty for errors of the controller. */
export function errorContent(error: unknown): ErrorContent {
  const ename = error instanceof RequestError
    ? error.ename
    : error instanceof ShapeError
    ? "TypeError"
    : error instanceof Error
    ? error.name
    : "Error";
  const evalue = error instanceof Error ? error.message : String(error);
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`], engine_info: {} };
}
