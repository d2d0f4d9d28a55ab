/**
 * What this client has put into engines' namespaces, and whether it is still there: results say by a number which namespace they saw. A name that
 * is missing after the namespace was replaced is not the task's mistake.
 */
import { NamespaceLost, RemoteError } from "../protocol/errors.ts";
import { type ResultRecord, STATUS } from "../protocol/groups.ts";

/** Bits of a namespace's number that count. */
const EPOCH_BITS = 20;

export class Namespaces {
  /** The namespace into which this client wrote, by engine and key. */
  readonly #written = new Map<number, number>();

  /** A task that set names ended well. */
  written({ engine, epoch, status }: ResultRecord, isPush: boolean): void {
    const place = placeOf(engine, epoch);
    if (status === STATUS.ok && (isPush || !this.#written.has(place))) this.#written.set(place, epoch);
  }

  /** The error of a task, which is NamespaceLost, once, if it missed a name that went with an earlier namespace. */
  explain(error: Error, { engine, epoch }: ResultRecord): Error {
    const place = placeOf(engine, epoch), known = this.#written.get(place);
    if (known === undefined || known === epoch) return error;
    if (!(error instanceof RemoteError) || error.ename !== "ReferenceError") return error;
    this.#written.set(place, epoch);
    const text =
      `${error.evalue}: what was set on engine ${engine} before is gone, since its process was replaced`;
    return new NamespaceLost(text, { cause: error, engine: error.engine });
  }
}

/** Where a namespace is: an engine has one for each key, and the number of a namespace has the key's number in its upper bits. */
function placeOf(engine: number, epoch: number): number {
  return engine * 2 ** (32 - EPOCH_BITS) + (epoch >>> EPOCH_BITS);
}
