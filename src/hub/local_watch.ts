/**
 * Watches the processes of engines on this very machine: one that was killed says nothing, and its heartbeats would be waited for until the last may be missed.
 *
 * An engine of ours tells host and pid when it registers. Where the host is this one and has such a process, its end is seen within a period; where not (other
 * machines, other systems), heartbeats decide as ever.
 */
import { birthOf } from "./process_birth.ts";
import type { Engine } from "./registry.ts";

/** How often the processes are looked at, in ms. */
const PERIOD_MS = 100;

export class LocalWatch {
  readonly #host: string;
  readonly #ended: (uuid: string) => void;
  readonly #watched = new Map<string, { readonly pid: number; readonly birth: string }>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param ended is told the uuid of an engine whose process has gone, once */
  constructor(host: string, ended: (uuid: string) => void) {
    this.#host = host;
    this.#ended = ended;
  }

  /** Watches an engine's process if it is here. */
  add({ uuid, ours }: Engine): void {
    if (ours === null || ours.host !== this.#host) return;
    const birth = birthOf(ours.pid);
    if (birth === null) return;
    this.#watched.set(uuid, { pid: ours.pid, birth });
    this.#timer ??= setInterval(() => this.#look(), PERIOD_MS);
  }

  remove(uuid: string): void {
    this.#watched.delete(uuid);
    if (this.#watched.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Engines of one host share a process, so each process is looked at once. */
  #look(): void {
    const births = new Map<number, string | null>();
    for (const [uuid, { pid, birth }] of [...this.#watched]) {
      if (!births.has(pid)) births.set(pid, birthOf(pid));
      if (births.get(pid) === birth) continue;
      this.#watched.delete(uuid);
      this.#ended(uuid);
    }
  }
}
