/**
 * Tasks that came before the last of their shared pieces: these travel by the connection of another engine of this process, so either may be first. Such a group
 * waits for a moment, and behind it what else its client has sent, in order; everybody else's tasks go on.
 */
import type { GroupHeader } from "../protocol/groups.ts";
import type { TaskName } from "./core_types.ts";

/** A group of tasks that was checked: its header, its bytes and the way back. */
export interface ParkedGroup {
  readonly header: GroupHeader;
  readonly idents: readonly Uint8Array[];
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly group: ParkedGroup;
  readonly since: number;
}

/** So long after a record its pieces do not come any more: it is taken as it is, and its task says what is missing. */
const PATIENCE_MS = 10_000;
/** More than this does not wait: the oldest are taken as they are. */
const MAX_BYTES = 64 << 20;

export class Parked {
  readonly #byClient = new Map<number, Waiting[]>();
  /** What was cancelled meanwhile: it may be among what waits. */
  #cancelled: TaskName[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#byClient.size === 0;
  }

  /** Whether something of this client waits, so that what comes now must wait behind it. */
  has(client: number): boolean {
    return this.#byClient.size > 0 && this.#byClient.has(client);
  }

  /** Whether more waits than may. */
  get isFull(): boolean {
    return this.#bytes > MAX_BYTES;
  }

  add(group: ParkedGroup, at: number): void {
    this.#bytes += group.bytes.length;
    const { origin } = group.header, list = this.#byClient.get(origin);
    if (list === undefined) this.#byClient.set(origin, [{ group, since: at }]);
    else list.push({ group, since: at });
  }

  /** These are told to stop; if they are waiting here, they hear it once they are taken. */
  cancelled(names: readonly TaskName[]): void {
    if (!this.isEmpty) this.#cancelled.push(...names);
  }

  /** Takes out what is whole now, or has waited long enough; each client's in order. */
  *ready(isWhole: (group: ParkedGroup) => boolean, at: number): Iterable<ParkedGroup> {
    for (const [client, list] of this.#byClient) {
      while (
        list.length > 0 && (this.isFull || at - list[0]!.since >= PATIENCE_MS || isWhole(list[0]!.group))
      ) {
        const { group } = list.shift()!;
        this.#bytes -= group.bytes.length;
        yield group;
      }
      if (list.length === 0) this.#byClient.delete(client);
    }
  }

  /** Takes out what was cancelled since something began to wait here. */
  takeCancelled(): readonly TaskName[] {
    const names = this.#cancelled;
    if (this.isEmpty) this.#cancelled = [];
    return names;
  }

  clear(): void {
    this.#byClient.clear();
    this.#cancelled = [];
    this.#bytes = 0;
  }
}
