/**
 * Where a peer's request came from and its answers go: the cluster's sockets, or those of an engine that is bound as a Jupyter kernel.
 */
import type { Dictionary, Header, Message, Session } from "../protocol/frames.ts";

/** One way in and out. Answers leave under the name and key of the way that the request came by. */
export interface PeerChannel {
  readonly session: Session;
  send(frames: readonly Uint8Array[]): void;
  /** Asks the front-end that sent a request for a line; false if it cannot be reached. Absent where there is no stdin. */
  readonly ask?: (idents: readonly Uint8Array[], parent: Header, content: Dictionary) => boolean;
  /** Whether the sender of a request can still be reached. Absent where that cannot be known. */
  readonly isThere?: (idents: readonly Uint8Array[]) => boolean;
  /** Takes the cells that have arrived and were not looked at yet. */
  readonly readAhead?: () => void;
  /** Ports for a `connect_reply`. */
  readonly ports?: Dictionary;
}

/** A request with the way that it came by. */
export interface PeerMessage extends Pick<Message, "idents" | "header" | "metadata"> {
  readonly channel: PeerChannel;
}
