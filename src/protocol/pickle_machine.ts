/**
 * Runs a pickle's instructions, protocols 0 to 5: what comes out is a graph of inert data (`pickle_graph.ts`). Nothing is imported, called or
 * looked up, whatever the pickle names, and nothing recurses: a pickle a million deep makes a graph a million deep. Each instruction makes at
 * most one small object, so memory stays in proportion to the pickle's length.
 */
import { asInteger, PickleCursor } from "./pickle_cursor.ts";
import { badPickle } from "./pickle_error.ts";
import { PICKLE_OP } from "./pickle_ops.ts";
import { PickleDict, PickleGlobal, PickleRecord, PickleSet, PickleTuple } from "./pickle_graph.ts";

const MAX_PROTOCOL = 5;
/** Longest integer, in bytes or in decimal digits: beyond, its arithmetic would take long. */
const MAX_LONG_BYTES = 1 << 20;
const MAX_DIGITS = 10_000;

/** The graph that a pickle describes. Bytes behind its end are an error. @throws PickleError */
export function readGraph(bytes: Uint8Array): unknown {
  const machine = new PickleMachine(bytes);
  const { cursor } = machine;
  for (;;) {
    const at = cursor.at, op = cursor.u8();
    if (op === PICKLE_OP.STOP) break;
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
  [PICKLE_OP.PROTO]: (_, c) => {
    const protocol = c.u8();
    if (protocol > MAX_PROTOCOL) throw badPickle(`protocol ${protocol} is not known`);
  },
  [PICKLE_OP.FRAME]: (_, c) => {
    const length = c.u64();
    if (length > c.left) throw badPickle(`a frame of ${length} bytes, ${c.left} there`);
  },
  // Constants and numbers.
  [PICKLE_OP.NONE]: (m) => m.push(null),
  [PICKLE_OP.NEWTRUE]: (m) => m.push(true),
  [PICKLE_OP.NEWFALSE]: (m) => m.push(false),
  [PICKLE_OP.BININT]: (m, c) => m.push(c.i32()),
  [PICKLE_OP.BININT1]: (m, c) => m.push(c.u8()),
  [PICKLE_OP.BININT2]: (m, c) => m.push(c.u16()),
  [PICKLE_OP.LONG1]: (m, c) => m.push(c.long(c.u8())),
  [PICKLE_OP.LONG4]: (m, c) => m.push(boundedLong(c, c.u32())),
  [PICKLE_OP.BINFLOAT]: (m, c) => m.push(c.float()),
  [PICKLE_OP.FLOAT]: (m, c) => m.push(decimalFloat(c.line())),
  [PICKLE_OP.INT]: (m, c) => {
    const text = c.line();
    m.push(text === "01" ? true : text === "00" ? false : decimal(text));
  },
  [PICKLE_OP.LONG]: (m, c) => m.push(decimal(c.line().replace(/L$/, ""))),
  // Text and bytes.
  [PICKLE_OP.UNICODE]: (m, c) => m.push(unescaped(c.latinLine())),
  [PICKLE_OP.BINUNICODE]: (m, c) => m.push(c.text(c.u32())),
  [PICKLE_OP.SHORT_BINUNICODE]: (m, c) => m.push(c.text(c.u8())),
  [PICKLE_OP.BINUNICODE8]: (m, c) => m.push(c.text(c.u64())),
  [PICKLE_OP.BINBYTES]: (m, c) => m.push(c.take(c.u32())),
  [PICKLE_OP.SHORT_BINBYTES]: (m, c) => m.push(c.take(c.u8())),
  [PICKLE_OP.BINBYTES8]: (m, c) => m.push(c.take(c.u64())),
  [PICKLE_OP.BYTEARRAY8]: (m, c) => m.push(c.take(c.u64())),
  // Containers.
  [PICKLE_OP.MARK]: (m) => m.mark(),
  [PICKLE_OP.EMPTY_LIST]: (m) => m.push([]),
  [PICKLE_OP.EMPTY_DICT]: (m) => m.push(new PickleDict()),
  [PICKLE_OP.EMPTY_TUPLE]: (m) => m.push(new PickleTuple([])),
  [PICKLE_OP.EMPTY_SET]: (m) => m.push(new PickleSet([])),
  [PICKLE_OP.LIST]: (m) => m.push(m.popMark()),
  [PICKLE_OP.DICT]: (m) => m.push(fill(new PickleDict(), m.popMark())),
  [PICKLE_OP.TUPLE]: (m) => m.push(new PickleTuple(m.popMark())),
  [PICKLE_OP.FROZENSET]: (m) => m.push(new PickleSet(m.popMark())),
  [PICKLE_OP.TUPLE1]: (m) => m.tuple(1),
  [PICKLE_OP.TUPLE2]: (m) => m.tuple(2),
  [PICKLE_OP.TUPLE3]: (m) => m.tuple(3),
  [PICKLE_OP.APPEND]: (m) => {
    const value = m.pop();
    m.append([value]);
  },
  [PICKLE_OP.APPENDS]: (m) => {
    const values = m.popMark();
    m.append(values);
  },
  [PICKLE_OP.ADDITEMS]: (m) => {
    const values = m.popMark();
    m.append(values);
  },
  [PICKLE_OP.SETITEM]: (m) => {
    const value = m.pop(), key = m.pop();
    m.setItems([key, value]);
  },
  [PICKLE_OP.SETITEMS]: (m) => {
    const pairs = m.popMark();
    m.setItems(pairs);
  },
  // The stack and what is remembered.
  [PICKLE_OP.POP]: (m) => m.drop(),
  [PICKLE_OP.POP_MARK]: (m) => void m.popMark(),
  [PICKLE_OP.DUP]: (m) => m.push(m.top()),
  [PICKLE_OP.PUT]: (m, c) => m.put(Number(decimal(c.line()))),
  [PICKLE_OP.BINPUT]: (m, c) => m.put(c.u8()),
  [PICKLE_OP.LONG_BINPUT]: (m, c) => m.put(c.u32()),
  [PICKLE_OP.MEMOIZE]: (m) => m.memoize(),
  [PICKLE_OP.GET]: (m, c) => m.get(Number(decimal(c.line()))),
  [PICKLE_OP.BINGET]: (m, c) => m.get(c.u8()),
  [PICKLE_OP.LONG_BINGET]: (m, c) => m.get(c.u32()),
  // What is only named.
  [PICKLE_OP.GLOBAL]: (m, c) => m.global(c.line(), c.line()),
  [PICKLE_OP.STACK_GLOBAL]: (m) => {
    const name = m.pop(), module = m.pop();
    m.global(module, name);
  },
  [PICKLE_OP.REDUCE]: (m) => {
    const args = m.pop();
    m.record(m.pop(), args);
  },
  [PICKLE_OP.NEWOBJ]: (m) => {
    const args = m.pop();
    m.record(m.pop(), args);
  },
  [PICKLE_OP.NEWOBJ_EX]: (m) => {
    const kwargs = m.pop(), args = m.pop();
    if (!(kwargs instanceof PickleDict)) throw badPickle("named arguments are no dict");
    m.record(m.pop(), args);
  },
  [PICKLE_OP.BUILD]: (m) => m.build(),
});

function table(entries: Readonly<Record<number, Instruction>>): readonly (Instruction | undefined)[] {
  return Array.from({ length: 256 }, (_, code) => entries[code]);
}
