/**
 * What a pickle says, before anything is made of it: plain data for lists (arrays), bytes (views of the pickle), text and numbers, and these inert
 * classes for the rest. Nothing here refers to anything that could run.
 */

/** Something that the pickle only names: a class, a function, a module's value. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** `module.name`, cut where it is long. */
  get text(): string {
    return `${this.module}.${this.name}`.slice(0, 200);
  }
}

export class PickleTuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

export class PickleSet {
  readonly items: unknown[];

  constructor(items: unknown[]) {
    this.items = items;
  }
}

export class PickleDict {
  readonly keys: unknown[] = [];
  readonly values: unknown[] = [];

  set(key: unknown, value: unknown): void {
    this.keys.push(key);
    this.values.push(value);
  }

  /** The value of a text key, the last one; undefined if there is none. */
  get(key: string): unknown {
    return this.values[this.keys.lastIndexOf(key)];
  }
}

/** What a call or an instance would be: of what, with which arguments, and what was put into it afterwards. */
export class PickleRecord {
  readonly target: unknown;
  readonly args: readonly unknown[];
  state: unknown = undefined;
  readonly items: unknown[] = [];
  readonly entries = new PickleDict();

  constructor(target: unknown, args: readonly unknown[]) {
    this.target = target;
    this.args = args;
  }

  /** `module.name` of what is called, "" if it is something else. */
  get of(): string {
    return this.target instanceof PickleGlobal ? this.target.text : "";
  }

  /** A member of its state, undefined if there is none. */
  member(name: string): unknown {
    return this.state instanceof PickleDict ? this.state.get(name) : undefined;
  }
}

/** A buffer that came beside the pickle: memory of its own, which a value may keep. */
export class OutOfBand {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}
