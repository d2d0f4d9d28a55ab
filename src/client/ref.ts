/**
 * What `client.put` gives: stands for a large value wherever a value may stand in what is sent.
 */

/** A value that was put, as the client keeps it. */
export interface PutValue {
  /** Its name on the wire. */
  readonly name: string;
  /** Its coded form, the body first; the master copy. */
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  /** Whether the controller keeps it; if not it travels with each task. */
  isKept: boolean;
  /** Refs that stand for it, and open tasks that name it. */
  refs: number;
  tasks: number;
}

/** Who keeps values. */
export interface RefOwner {
  released(value: PutValue): void;
}

/** A ref without its type. */
export type AnyRef = Ref<unknown>;

/** What stands for the arguments of a call: each, or a ref to one. */
export type Given<Args extends readonly unknown[]> = { [I in keyof Args]: Args[I] | Ref<Args[I]> };

/**
 * Stands for a value of type `T` that is at the cluster: in place of an argument, also within others, among the items of a map, among captures, in `push`. The
 * function gets the value, each task a copy of its own.
 */
export class Ref<out T> implements AsyncDisposable {
  readonly #owner: RefOwner;
  readonly #value: PutValue;
  #isDeleted = false;

  /** Made by `client.put`. */
  constructor(owner: RefOwner, value: PutValue) {
    this.#owner = owner;
    this.#value = value;
    value.refs++;
    lost.register(this, { owner, value }, this);
  }

  /** Bytes of the value as it was sent. */
  get bytes(): number {
    return this.#value.bytes;
  }

  /** Equal for equal values that were put by one client. */
  get name(): string {
    return this.#value.name;
  }

  /** The same ref with the type of the value, for places where a type has to fit: within an object, among a map's items. */
  get asValue(): T {
    return this as unknown as T;
  }

  /**
   * The cluster need not keep the value any more. Tasks that were sent with it still get it; the ref itself cannot be used again. Other refs to an equal
   * value stand. Harmless twice.
   */
  delete(): Promise<void> {
    if (!this.#isDeleted) {
      this.#isDeleted = true;
      lost.unregister(this);
      release(this.#owner, this.#value);
    }
    return Promise.resolve();
  }

  /** `delete`, when its scope is left. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.delete();
  }

  /**
   * For the library: the value, for one that may be sent by this owner.
   * @throws TypeError if it was deleted, or another client's
   */
  static valueOf(ref: AnyRef, owner: RefOwner): PutValue {
    if (ref.#owner !== owner) {
      throw new TypeError("Cannot send a ref of another client: put the value with the client that sends it");
    }
    if (ref.#isDeleted) throw new TypeError("Cannot send a ref that was deleted: put the value again");
    return ref.#value;
  }

  /** "Ref". */
  get [Symbol.toStringTag](): string {
    return "Ref";
  }
}

function release(owner: RefOwner, value: PutValue): void {
  value.refs--;
  owner.released(value);
}

/** Refs that nobody has any more are as good as deleted. */
const lost = new FinalizationRegistry<{ readonly owner: RefOwner; readonly value: PutValue }>(
  ({ owner, value }) => release(owner, value),
);
