/**
 * Values that were put (PROTOCOL.md, "Kept values"): named by what they hold, sent once to the controller, named in tasks, and sent again when the controller
 * asks. The master copy is here.
 */
import { toHex } from "../base/ids.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { VALUES } from "../protocol/groups.ts";
import { readValue, ValueWriter } from "../protocol/values.ts";
import { nameText } from "../protocol/value_name.ts";
import type { EncodedTask } from "./path.ts";
import { type AnyRef, type PutValue, Ref, type RefOwner } from "./ref.ts";
import { taskWithValues } from "./ref_tasks.ts";

/** The way to the scheduler that keeps values. */
export interface ValueWay {
  /** Sends a value; resolves when it has left. */
  upload(value: PutValue): Promise<void>;
  tell(word: number, name: string): void;
}

const NAME_BYTES = 16;
/** A value of more buffers travels with each task. */
const MAX_BUFFERS = 10_000;

export class PutValues implements RefOwner {
  readonly #byName = new Map<string, PutValue>();
  /** Who waits for the controller's word about a value. */
  readonly #asked = new Map<string, PromiseWithResolvers<void>>();
  /** Names of values that are on their way. */
  readonly #sending = new Set<string>();
  /** Counts how often the connection has stood again. */
  #run = 0;
  /** Makes names that nobody else can guess. */
  readonly #salt = crypto.getRandomValues(new Uint8Array(NAME_BYTES));
  readonly #words = new Uint32Array(4);
  /** Absent where the controller keeps none. */
  #way: ValueWay | undefined;
  /** Refs in the task that is being coded, in order. */
  #used: PutValue[] = [];

  /** The controller keeps values. */
  open(way: ValueWay): void {
    this.#way = way;
  }

  /** Whether there are any. */
  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  /** @throws UncodableValue */
  async put<T>(value: T): Promise<Ref<T>> {
    const writer = new ValueWriter(1024, { kept: refuseRef });
    writer.write(value, "value");
    const { name, buffers } = await named(this.#salt, [writer.bytes(), ...writer.buffers]);
    const known = this.#byName.get(name);
    if (known !== undefined) {
      const ref = new Ref<T>(this, known);
      await this.#asked.get(name)?.promise;
      return ref;
    }
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    const own: PutValue = { name, buffers, bytes, isKept: false, refs: 0, tasks: 0 };
    this.#byName.set(name, own);
    const ref = new Ref<T>(this, own);
    if (this.#way !== undefined && buffers.length <= MAX_BUFFERS) await this.#send(this.#way, own);
    return ref;
  }

  async #send(way: ValueWay, value: PutValue): Promise<void> {
    const asked = Promise.withResolvers<void>();
    this.#asked.set(value.name, asked);
    this.#sending.add(value.name);
    // Rejected while it is sent: said below.
    asked.promise.catch(() => {});
    try {
      await this.#upload(way, value);
      this.#sending.delete(value.name);
      await asked.promise;
    } catch (error) {
      this.#byName.delete(value.name);
      throw error;
    } finally {
      this.#asked.delete(value.name);
      this.#sending.delete(value.name);
    }
  }

  /** A word of the controller's. */
  told(word: number, reader: GroupReader): void {
    while (reader.name(this.#words)) {
      const name = nameText(this.#words), value = this.#byName.get(name);
      if (word === VALUES.want) this.#again(name, value);
      else if (value !== undefined) {
        value.isKept = word === VALUES.kept;
        this.#asked.get(name)?.resolve();
      }
    }
  }

  /** The controller has dropped it. While it is on its way it is not sent a second time. */
  #again(name: string, value: PutValue | undefined): void {
    if (value === undefined) return this.#way?.tell(VALUES.none, name);
    if (this.#sending.has(name)) return;
    this.#sending.add(name);
    if (this.#way === undefined) return;
    this.#upload(this.#way, value).catch(() => {}).finally(() => this.#sending.delete(name));
  }

  /** From its beginning, where the connection broke meanwhile. */
  async #upload(way: ValueWay, value: PutValue): Promise<void> {
    for (let run = -1; run !== this.#run;) {
      run = this.#run;
      await way.upload(value);
    }
  }

  /**
   * The connection stands again: what was on its way is sent anew. Another controller knows nothing of what the one before has kept, and has to hear of it before a
   * task names it; from the same one a question about what tasks name may have been lost.
   */
  renew(isNew: boolean): void {
    this.#run++;
    for (const [name, value] of this.#byName) {
      if (isNew) value.isKept = false;
      const isWanted = isNew || value.tasks > 0 || this.#asked.has(name);
      if (isWanted && value.buffers.length <= MAX_BUFFERS) this.#again(name, value);
    }
  }

  /** Nothing can be sent any more. */
  fail(error: Error): void {
    for (const asked of this.#asked.values()) asked.reject(error);
  }

  /** The client ends: what no open task names need not be kept for it. */
  close(): void {
    for (const value of this.#byName.values()) if (value.tasks === 0) this.#drop(value);
  }

  /** A ref is gone. */
  released(value: PutValue): void {
    if (value.refs === 0 && value.tasks === 0) this.#drop(value);
  }

  #drop({ name, isKept }: PutValue): void {
    if (!this.#byName.delete(name)) return;
    if (isKept) this.#way?.tell(VALUES.drop, name);
  }

  // ── in tasks ───────────────────────────────────────────────────────────────────────────────

  /** A task is about to be coded, with a function that captures these. */
  begin(captured: readonly AnyRef[] | undefined): void {
    if (this.#used.length > 0) this.#used = [];
    if (captured !== undefined) { for (const ref of captured) this.#used.push(Ref.valueOf(ref, this)); }
  }

  /** Which of the task's values an object stands for, -1 for none. */
  readonly indexOf = (object: object): number => {
    if (!(object instanceof Ref)) return -1;
    const value = Ref.valueOf(object, this), index = this.#used.indexOf(value);
    return index < 0 ? this.#used.push(value) - 1 : index;
  };

  /** The coded task with the values that it names. */
  finish(task: EncodedTask): EncodedTask {
    if (this.#used.length === 0) return task;
    const used = this.#used;
    this.#used = [];
    return taskWithValues(task, used);
  }

  /** A task that names values is open. */
  taskOpened(values: readonly PutValue[]): void {
    for (const value of values) value.tasks++;
  }

  taskEnded(values: readonly PutValue[]): void {
    for (const value of values) {
      value.tasks--;
      this.released(value);
    }
  }

  /** The same with the values themselves in the places of refs, for those who keep none. */
  plain(value: unknown): unknown {
    return this.isEmpty ? value : this.#plain(value);
  }

  #plain(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Ref) return copyOf(Ref.valueOf(value, this));
    if (Array.isArray(value)) return value.map((item) => this.#plain(item));
    if (value instanceof Map) {
      return new Map([...value].map(([key, item]) => [this.#plain(key), this.#plain(item)]));
    }
    if (value instanceof Set) return new Set([...value].map((item) => this.#plain(item)));
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#plain(item)]));
  }
}

function refuseRef(object: object): number {
  if (object instanceof Ref) throw new TypeError("a ref cannot stand in a value that is put");
  return -1;
}

function copyOf({ buffers }: PutValue): unknown {
  const [body, ...large] = buffers.map((bytes) => bytes.slice());
  return readValue(body!, large);
}

/** The name of buffers, and copies of them, which nobody else can change. */
async function named(
  salt: Uint8Array,
  given: readonly Uint8Array[],
): Promise<{ readonly name: string; readonly buffers: readonly Uint8Array[] }> {
  const head = salt.length + 8 * given.length;
  const whole = new Uint8Array(given.reduce((sum, { length }) => sum + length, head));
  const lengths = new Float64Array(given.map(({ length }) => length));
  whole.set(salt);
  whole.set(new Uint8Array(lengths.buffer), salt.length);
  let at = head;
  const buffers = given.map((bytes) => {
    whole.set(bytes, at);
    return whole.subarray(at, at += bytes.length);
  });
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  return { name: toHex(hash.subarray(0, NAME_BYTES)), buffers };
}
