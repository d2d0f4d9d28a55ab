/**
 * What this client has put into engines' namespaces, and whether it is still there: results say by a number which namespace they saw. A name that
 * is missing after the namespace was replaced is not the task's mistake.
 */
import { NamespaceLost, RemoteError } from "../protocol/errors.ts";
import { type ResultRecord, STATUS } from "../protocol/groups.ts";

export class Namespaces {
  /** The namespace into which this client wrote, by engine. */
  readonly #written = new Map<number, number>();

  /** A task that set names ended well. */
  written({ engine, epoch, status }: ResultRecord, isPush: boolean): void {
    if (status === STATUS.ok && (isPush || !this.#written.has(engine))) this.#written.set(engine, epoch);
  }

  /** The error of a task, which is NamespaceLost, once, if it missed a name that went with an earlier namespace. */
  explain(error: Error, { engine, epoch }: ResultRecord): Error {
    const known = this.#written.get(engine);
    if (known === undefined || known === epoch) return error;
    if (!(error instanceof RemoteError) || error.ename !== "ReferenceError") return error;
    this.#written.set(engine, epoch);
    const text =
      `${error.evalue}: what was set on engine ${engine} before is gone, since its process was replaced`;
    return new NamespaceLost(text, { cause: error, engine: error.engine });
  }
}
