/**
 * What the schedulers read, and when: a socket that signalled, and only while its reader would take something.
 */
import type { SyncPoller } from "../wire/poll.ts";
import type { Socket } from "../wire/socket.ts";

/** What reads sockets. */
export interface Reader {
  readonly sockets: readonly Socket[];
  /** True if it stopped before there was nothing left. */
  readonly read: () => boolean;
  /** Above 0: it wakes the loop only so often, in ms, and is read whenever the loop is awake. Default 0. */
  readonly restMs?: number;
  /** Whether it would read now; default: always. While it would not, what lies there wakes nobody: the loop would turn over and over. */
  readonly isOpen?: () => boolean;
}

interface Entry extends Reader {
  /** Whether there may be something: one of the sockets could be read, or it stopped before the end. */
  isDue: boolean;
  /** Whether nobody waits for its sockets just now. */
  isHeld: boolean;
}

export class Readers {
  readonly #poller: SyncPoller;
  readonly #entries: readonly Entry[];

  /** In this order they are read. */
  constructor(poller: SyncPoller, readers: readonly Reader[]) {
    this.#poller = poller;
    this.#entries = readers.map((reader) => ({ ...reader, isDue: true, isHeld: false }));
  }

  /** Waits for all of them from now on. */
  listen(): void {
    for (const entry of this.#entries) this.#listen(entry);
  }

  #listen(entry: Entry): void {
    const { restMs = 0 } = entry;
    for (const socket of entry.sockets) this.#poller.add(socket, () => entry.isDue = true, { restMs });
  }

  /** All are to be read in the next turn. */
  wake(): void {
    for (const entry of this.#entries) entry.isDue = true;
  }

  /** Reads what is due; true if something is left. @param guarded calls a reader */
  read(guarded: (read: () => boolean) => boolean): boolean {
    let more = false;
    for (const entry of this.#entries) {
      if (!entry.isDue && (entry.restMs ?? 0) === 0) continue;
      entry.isDue = guarded(entry.read);
      more ||= entry.isDue;
    }
    return more;
  }

  /** Waits for those that would read, and for no others. What opens them (the hub's acknowledgement, a result) wakes the loop by itself. */
  hold(): void {
    for (const entry of this.#entries) {
      const isHeld = entry.isOpen !== undefined && !entry.isOpen();
      if (isHeld === entry.isHeld) continue;
      entry.isHeld = isHeld;
      entry.isDue = !isHeld;
      if (isHeld) { for (const socket of entry.sockets) this.#poller.remove(socket); }
      else this.#listen(entry);
    }
  }
}
