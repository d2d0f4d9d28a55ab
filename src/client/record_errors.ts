/** The error of a task as its record tells it. */
import { type ErrorDescription, errorFromContent, textsOf } from "../protocol/errors.ts";
import type { Dictionary } from "../protocol/frames.ts";
import { readPostMortem } from "../protocol/post_mortem.ts";
import { dictionaryOf } from "./dictionaries.ts";

/** @param said the record's `result_content` @param metadata its `result_metadata` */
export function errorOf(said: Dictionary, metadata: Dictionary): Error {
  if (said.status === "aborted") {
    const { post_mortem } = dictionaryOf(metadata.tsparallel);
    const postMortem = readPostMortem(post_mortem);
    return errorFromContent({ ename: "TaskAborted", evalue: "Aborted before it ran", postMortem });
  }
  const { limit, status, post_mortem } = dictionaryOf(metadata.tsparallel);
  const postMortem = readPostMortem(post_mortem);
  const description: ErrorDescription = {
    ename: String(said.ename ?? "Error"),
    evalue: String(said.evalue ?? ""),
    traceback: textsOf(said.traceback),
    engine_info: dictionaryOf(said.engine_info),
    ...(isLimit(limit) ? { limit } : {}),
    postMortem,
  };
  // A task's error is the task's, whatever it calls itself.
  const isTasks = status === "error" && (postMortem?.endedBy ?? "error") === "error";
  return errorFromContent(description, limit === undefined ? isTasks || undefined : false);
}

function isLimit(value: unknown): value is { limit: string; value: number; max: number } {
  const { limit, value: measured, max } = dictionaryOf(value);
  return typeof limit === "string" && typeof measured === "number" && typeof max === "number";
}
