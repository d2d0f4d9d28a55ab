/**
 * `cancel_request`: stops tasks of any client in any state. The schedulers know what is open, the records what is over; each id gets a word.
 */
import type { By } from "../protocol/by.ts";
import type { Ledger } from "./ledger.ts";
import type { RecordStore } from "./records.ts";
import type { Registry } from "./registry.ts";
import { RequestError } from "./request_error.ts";

export interface CancelParts {
  readonly ledger: Ledger;
  readonly store: RecordStore;
  readonly registry: Registry;
  readonly tell: (message: Readonly<Record<string, unknown>>) => void;
}

/** How long the schedulers may take, in ms: they answer within a turn of their loop. */
const PATIENCE_MS = 10_000;

type Words = Readonly<Record<string, unknown>>;

export class Cancels {
  readonly #parts: CancelParts;
  readonly #waiting = new Map<number, (words: Words) => void>();
  #requests = 0;

  constructor(parts: CancelParts) {
    this.#parts = parts;
  }

  /** @throws RequestError if the schedulers do not answer */
  async cancel(msgIds: readonly string[], by: By): Promise<Record<string, string>> {
    const copies = this.#copies();
    const asked = [...new Set(msgIds)].map((msgId) => ({ msgId, names: copies.get(msgId) ?? [msgId] }));
    const words = await this.#ask(asked.flatMap(({ names }) => names), by);
    const entries: [string, string][] = [];
    for (const { msgId, names } of asked) {
      const told = names.map((name) => words[name]);
      entries.push([msgId, await this.#wordFor(msgId, told)]);
    }
    return Object.fromEntries(entries);
  }

  /** The schedulers' answer. */
  answered(request: unknown, words: unknown): void {
    if (typeof request !== "number" || typeof words !== "object" || words === null) return;
    this.#waiting.get(request)?.(Object.fromEntries(Object.entries(words)));
  }

  /** A broadcast is its copies: their ids by its own. */
  #copies(): Map<string, string[]> {
    const { ledger, registry } = this.#parts, copies = new Map<string, string[]>();
    for (const [name, { route }] of ledger.peers()) {
      const at = name.lastIndexOf("_"), whole = name.slice(0, at);
      // Other ids end in a count, and what stands before it is nobody's.
      if (route !== "mux" || at < 1 || registry.byUuid(name.slice(at + 1)) === undefined) continue;
      const names = copies.get(whole);
      if (names === undefined) copies.set(whole, [name]);
      else names.push(name);
    }
    return copies;
  }

  #ask(names: readonly string[], { who, why }: By): Promise<Words> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(request);
      };
      const timer = setTimeout(() => {
        end();
        reject(new RequestError("RuntimeError", `the schedulers did not answer in ${PATIENCE_MS / 1000} s`));
      }, PATIENCE_MS);
      this.#waiting.set(request, (words) => {
        end();
        resolve(words);
      });
      const tasks = names.map((name) => this.#task(name));
      this.#parts.tell({ kind: "cancel", request, tasks, who, why });
    });
  }

  #task(msg_id: string): object {
    const { ledger, store, registry } = this.#parts;
    const place = ledger.peer(msg_id);
    const engine = place?.route === "mux" && place.engine !== null ? registry.byId(place.engine) : undefined;
    return { msg_id, ...store.clients.nameOf(msg_id), ...(engine ? { uuid: engine.uuid } : {}) };
  }

  /** What the schedulers said, or what the records say of a task that is not open there. */
  async #wordFor(msgId: string, told: readonly unknown[]): Promise<string> {
    for (const word of ["cancelled", "cancelling", "asked"]) if (told.includes(word)) return word;
    const { store } = this.#parts;
    const record = store.finished === undefined ? await store.get(msgId) : undefined;
    if (record?.field("status") === "cancelled") return "already cancelled";
    const isOver = (record?.field("completed") ?? null) !== null || store.finished?.has(msgId);
    if (isOver || told.includes("finished")) return "already finished";
    return this.#isOpen(msgId) ? "cannot be cancelled" : "not known";
  }

  #isOpen(msgId: string): boolean {
    const { ledger, store } = this.#parts;
    const name = store.clients.nameOf(msgId);
    return ledger.peer(msgId) !== undefined ||
      (name !== undefined && ledger.group(name.client, name.n) !== undefined);
  }
}
