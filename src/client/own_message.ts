/**
 * Messages as they come from a socket, in memory of their own.
 */
import { findDelimiter, type Message, type Session } from "../protocol/frames.ts";

/** @throws BadMessage */
export function parse(session: Session, frames: readonly Uint8Array[]): Message {
  const at = Math.max(0, findDelimiter(frames));
  return session.parse(frames.slice(at).map((frame, i) => i < 6 ? frame : frame.slice()));
}

/** The same; undefined if it is not signed with our key or damaged. */
export function parsed(session: Session, frames: readonly Uint8Array[]): Message | undefined {
  try {
    return parse(session, frames);
  } catch {
    return undefined;
  }
}
