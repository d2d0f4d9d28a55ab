/**
 * Runs a pickle's instructions, protocols 0 to 5: what comes out is a graph of inert data (`pickle_graph.ts`). Nothing is imported, called or
 * looked up, whatever the pickle names, and nothing recurses: a pickle a million deep makes a graph a million deep. Each instruction makes at
 * most one small object, so memory stays in proportion to the pickle's length.
 */
import { asInteger, PickleCursor } from "./pickle_cursor.ts";
import { badPickle } from "./pickle_error.ts";
import { PickleDict, PickleGlobal, PickleRecord, PickleSet, PickleTuple } from "./pickle_graph.ts";

const MAX_PROTOCOL = 5;
const STOP = 0x2e;
/** Longest integer, in bytes or in decimal digits: beyond, its arithmetic would take long. */
const MAX_LONG_BYTES = 1 << 20;
const MAX_DIGITS = 10_000;

/** The graph that a pickle describes. Bytes behind its end are an error. @throws PickleError */
export function readGraph(bytes: Uint8Array): unknown {
  const machine = new PickleMachine(bytes);
  const { cursor } = machine;
  for (;;) {
    const at = cursor.at, op = cursor.u8();
    if (op === STOP) break;
    const instruction = INSTRUCTIONS[op];
    if (instruction === undefined) {
      throw badPickle(`instruction 0x${op.toString(16)} at ${at} is not known or not allowed`);
    }
    instruction(machine, cursor);
  }
  if (cursor.left > 0) throw badPickle(`${cursor.left} bytes stand behind its end`);
  return machine.pop();
}

class PickleMachine {
  readonly cursor: PickleCursor;
  readonly #stack: unknown[] = [];
  /** Heights of the stack at each open mark. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array) {
    this.cursor = new PickleCursor(bytes);
  }

  get #floor(): number {
    return this.#marks.length === 0 ? 0 : this.#marks[this.#marks.length - 1]!;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length <= this.#floor) throw badPickle(`nothing on its stack at ${this.cursor.at}`);
    return this.#stack.pop();
  }

  top(): unknown {
    if (this.#stack.length <= this.#floor) throw badPickle(`nothing on its stack at ${this.cursor.at}`);
    return this.#stack[this.#stack.length - 1];
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Takes everything above the last mark, and the mark. */
  popMark(): unknown[] {
    const from = this.#marks.pop();
    if (from === undefined) throw badPickle(`no mark on its stack at ${this.cursor.at}`);
    return this.#stack.splice(from);
  }

  /** `0`: drops what is on top, a mark too. */
  drop(): void {
    if (this.#stack.length > this.#floor) this.#stack.pop();
    else if (this.#marks.pop() === undefined) throw badPickle(`nothing on its stack at ${this.cursor.at}`);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw badPickle(`nothing is remembered under ${index}`);
    this.push(this.#memo.get(index));
  }

  tuple(count: number): void {
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.pop());
    this.push(new PickleTuple(items.reverse()));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    const items = Array.isArray(list)
      ? list
      : list instanceof PickleSet || list instanceof PickleRecord
      ? list.items
      : undefined;
    if (items === undefined) throw badPickle(`an append to no list at ${this.cursor.at}`);
    for (const value of values) items.push(value);
  }

  setItems(pairs: readonly unknown[]): void {
    const dict = this.top();
    const entries = dict instanceof PickleRecord ? dict.entries : dict;
    if (!(entries instanceof PickleDict)) throw badPickle(`items set in no dict at ${this.cursor.at}`);
    fill(entries, pairs);
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw badPickle("a global's name is no text");
    // Protocols 0 to 2 use Python 2's name of it.
    this.push(new PickleGlobal(module === "__builtin__" ? "builtins" : module, name));
  }

  /** A call or an instance, which is only written down. */
  record(target: unknown, args: unknown): void {
    if (!(args instanceof PickleTuple)) throw badPickle(`arguments are no tuple at ${this.cursor.at}`);
    this.push(new PickleRecord(target, args.items));
  }

  build(): void {
    const state = this.pop(), record = this.top();
    if (!(record instanceof PickleRecord)) throw badPickle(`state for no instance at ${this.cursor.at}`);
    record.state = state;
  }
}

function fill(dict: PickleDict, pairs: readonly unknown[]): PickleDict {
  if (pairs.length % 2 !== 0) throw badPickle("a dict has a key without a value");
  for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i], pairs[i + 1]);
  return dict;
}

function decimal(text: string): number | bigint {
  if (text.length > MAX_DIGITS || !/^[+-]?\d+$/.test(text)) throw badPickle("an integer is not readable");
  const value = BigInt(text.replace(/^[+-]/, ""));
  return asInteger(text.startsWith("-") ? -value : value);
}

function decimalFloat(text: string): number {
  const named: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  if (Object.hasOwn(named, text)) return named[text]!;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw badPickle("a float is not readable");
  return Number(text);
}

function boundedLong(cursor: PickleCursor, count: number): number | bigint {
  if (count > MAX_LONG_BYTES) throw badPickle(`an integer of ${count} bytes`);
  return cursor.long(count);
}

/** Text of protocol 0: as it is, but for `\u` escapes. */
function unescaped(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
    const code = parseInt(short ?? long!, 16);
    if (code > 0x10ffff) throw badPickle("a character is not readable");
    return String.fromCodePoint(code);
  });
}

type Instruction = (machine: PickleMachine, cursor: PickleCursor) => void;

/** By code. What is missing is refused: persistent ids, extension codes, buffers out of band, text of Python 2. */
const INSTRUCTIONS: readonly (Instruction | undefined)[] = table({
  0x80: (_, c) => {
    const protocol = c.u8();
    if (protocol > MAX_PROTOCOL) throw badPickle(`protocol ${protocol} is not known`);
  },
  0x95: (_, c) => {
    const length = c.u64();
    if (length > c.left) throw badPickle(`a frame of ${length} bytes, ${c.left} there`);
  },
  // Constants and numbers.
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  0x4a: (m, c) => m.push(c.i32()),
  0x4b: (m, c) => m.push(c.u8()),
  0x4d: (m, c) => m.push(c.u16()),
  0x8a: (m, c) => m.push(c.long(c.u8())),
  0x8b: (m, c) => m.push(boundedLong(c, c.u32())),
  0x47: (m, c) => m.push(c.float()),
  0x46: (m, c) => m.push(decimalFloat(c.line())),
  0x49: (m, c) => {
    const text = c.line();
    m.push(text === "01" ? true : text === "00" ? false : decimal(text));
  },
  0x4c: (m, c) => m.push(decimal(c.line().replace(/L$/, ""))),
  // Text and bytes.
  0x56: (m, c) => m.push(unescaped(c.latinLine())),
  0x58: (m, c) => m.push(c.text(c.u32())),
  0x8c: (m, c) => m.push(c.text(c.u8())),
  0x8d: (m, c) => m.push(c.text(c.u64())),
  0x42: (m, c) => m.push(c.take(c.u32())),
  0x43: (m, c) => m.push(c.take(c.u8())),
  0x8e: (m, c) => m.push(c.take(c.u64())),
  0x96: (m, c) => m.push(c.take(c.u64())),
  // Containers.
  0x28: (m) => m.mark(),
  0x5d: (m) => m.push([]),
  0x7d: (m) => m.push(new PickleDict()),
  0x29: (m) => m.push(new PickleTuple([])),
  0x8f: (m) => m.push(new PickleSet([])),
  0x6c: (m) => m.push(m.popMark()),
  0x64: (m) => m.push(fill(new PickleDict(), m.popMark())),
  0x74: (m) => m.push(new PickleTuple(m.popMark())),
  0x91: (m) => m.push(new PickleSet(m.popMark())),
  0x85: (m) => m.tuple(1),
  0x86: (m) => m.tuple(2),
  0x87: (m) => m.tuple(3),
  0x61: (m) => {
    const value = m.pop();
    m.append([value]);
  },
  0x65: (m) => {
    const values = m.popMark();
    m.append(values);
  },
  0x90: (m) => {
    const values = m.popMark();
    m.append(values);
  },
  0x73: (m) => {
    const value = m.pop(), key = m.pop();
    m.setItems([key, value]);
  },
  0x75: (m) => {
    const pairs = m.popMark();
    m.setItems(pairs);
  },
  // The stack and what is remembered.
  0x30: (m) => m.drop(),
  0x31: (m) => void m.popMark(),
  0x32: (m) => m.push(m.top()),
  0x70: (m, c) => m.put(Number(decimal(c.line()))),
  0x71: (m, c) => m.put(c.u8()),
  0x72: (m, c) => m.put(c.u32()),
  0x94: (m) => m.memoize(),
  0x67: (m, c) => m.get(Number(decimal(c.line()))),
  0x68: (m, c) => m.get(c.u8()),
  0x6a: (m, c) => m.get(c.u32()),
  // What is only named.
  0x63: (m, c) => m.global(c.line(), c.line()),
  0x93: (m) => {
    const name = m.pop(), module = m.pop();
    m.global(module, name);
  },
  0x52: (m) => {
    const args = m.pop();
    m.record(m.pop(), args);
  },
  0x81: (m) => {
    const args = m.pop();
    m.record(m.pop(), args);
  },
  0x92: (m) => {
    const kwargs = m.pop(), args = m.pop();
    if (!(kwargs instanceof PickleDict)) throw badPickle("named arguments are no dict");
    m.record(m.pop(), args);
  },
  0x62: (m) => m.build(),
});

function table(entries: Readonly<Record<number, Instruction>>): readonly (Instruction | undefined)[] {
  return Array.from({ length: 256 }, (_, code) => entries[code]);
}
