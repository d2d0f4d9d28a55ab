/**
 * A request to call something, and its result, as ipyparallel lays them out in buffers (both directions):
 *
 *     request   [what to call, its large buffers…, {nargs, narg_bufs, kw_keys}, buffers of each argument…, of each named one…]
 *     result    [the value's pickle, its large buffers…]
 *
 * What is called stays a name: a `Reference`, or a Python function of which only module and name are read.
 */
import { byCodePoints } from "./code_point_order.ts";
import { badPickle } from "./pickle_error.ts";
import { OutOfBand, PickleDict, PickleGlobal, PickleRecord, PickleSet, PickleTuple } from "./pickle_graph.ts";
import { CANNING } from "./pickle_known.ts";
import { readGraph } from "./pickle_machine.ts";
import { type PickleReadOptions, valueOfGraph } from "./pickle_read.ts";
import { Reference } from "./pickle_reference.ts";
import { type PickleWriteOptions, writeCanned, writePickle } from "./pickle_write.ts";
import { defineProperty } from "./primordials.ts";

/** What a request wants called. */
export type Callee =
  /** A name (or expression) in the namespace of the engine. */
  | { readonly kind: "reference"; readonly name: string }
  /** A function of Python's; "" where the pickle does not say. */
  | { readonly kind: "function"; readonly module: string; readonly name: string };

/** A request whose callee is known; its arguments are read when they are asked for. */
export interface ApplyRequest {
  readonly callee: Callee;
  /** @throws PickleError if an argument is no data, or buffers are missing or left over */
  readonly read: (options: PickleReadOptions) => {
    readonly args: readonly unknown[];
    readonly kwargs: Readonly<Record<string, unknown>>;
  };
}

/** Containers with so many items are not looked into by ipyparallel. */
const CANNED_ITEMS = 64;
const NAME = /^[\p{L}\p{N}_.<>$ -]{1,200}$/u;

// ── requests ─────────────────────────────────────────────────────────────────────────────────

/**
 * A request as Python's client sends it. `callee` is a name in the engine's namespace, or a function that Python can import.
 * @throws UncodableValue naming the argument that cannot be sent
 */
export function writeApply(
  callee: string | { readonly module: string; readonly name: string },
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>> = {},
  options: PickleWriteOptions = {},
): Uint8Array[] {
  const names = Object.keys(kwargs).sort(byCodePoints);
  const argBuffers = args.flatMap((arg, i) => writeCanned(arg, { ...options, root: `args[${i}]` }));
  const kwargBuffers = names.flatMap((name) => writeCanned(kwargs[name], { ...options, root: name }));
  const info = { nargs: args.length, narg_bufs: argBuffers.length, kw_keys: names };
  const called = typeof callee === "string" ? writePickle(new Reference(callee)) : globalPickle(callee);
  return [called, writePickle(info), ...argBuffers, ...kwargBuffers];
}

/** A pickle that names a function: protocol 0's `c` lines need no more. */
function globalPickle({ module, name }: { readonly module: string; readonly name: string }): Uint8Array {
  if (!NAME.test(module) || !NAME.test(name)) {
    throw new TypeError(`Cannot name "${module}.${name}" in a pickle`);
  }
  return new TextEncoder().encode(`c${module}\n${name}\n.`);
}

/** Takes a request apart, as far as to know what it calls. @throws PickleError */
export function readApply(buffers: readonly Uint8Array[]): ApplyRequest {
  if (buffers.length < 2) throw badPickle(`a request of ${buffers.length} buffers, two at least are needed`);
  const queue = new BufferQueue(buffers);
  const callee = calleeOf(queue.graph().node);
  return { callee, read: (options) => readArguments(queue, options) };
}

function readArguments(queue: BufferQueue, options: PickleReadOptions) {
  const { nargs, narg_bufs, kw_keys } = readInfo(queue.graph());
  if (narg_bufs > queue.left) throw badPickle(`${narg_bufs} buffers of arguments, ${queue.left} there`);
  const end = queue.left - narg_bufs;
  const args: unknown[] = [];
  for (let i = 0; i < nargs; i++) args.push(queue.value(options));
  if (queue.left !== end) throw badPickle(`the arguments have other buffers than the ${narg_bufs} announced`);
  const kwargs: Record<string, unknown> = {};
  for (const name of kw_keys) {
    const value = queue.value(options);
    defineProperty(kwargs, name, { value, writable: true, enumerable: true, configurable: true });
  }
  queue.finish();
  return { args, kwargs };
}

function readInfo({ node, length }: CannedGraph) {
  const info = valueOfGraph(node, length) as Readonly<Record<string, unknown>> | null;
  const { nargs, narg_bufs, kw_keys } = info ?? {};
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && value as number >= 0;
  const isNames = Array.isArray(kw_keys) && kw_keys.every((name) => typeof name === "string");
  if (!isCount(nargs) || !isCount(narg_bufs) || !isNames) {
    throw badPickle("nargs, narg_bufs or kw_keys is missing, or not what it should be");
  }
  return { nargs, narg_bufs, kw_keys: kw_keys as readonly string[] };
}

// ── results ──────────────────────────────────────────────────────────────────────────────────

/** A value as the buffers of a result. @throws UncodableValue naming the place that cannot be sent */
export function writeResult(value: unknown, options: PickleWriteOptions = {}): Uint8Array[] {
  return writeCanned(value, { root: "result", ...options });
}

/** The value in the buffers of a result. @throws PickleError */
export function readResult(buffers: readonly Uint8Array[], options: PickleReadOptions = {}): unknown {
  const queue = new BufferQueue(buffers);
  const value = queue.value(options);
  queue.finish();
  return value;
}

/** The buffers of several results that stand behind one another, those of each together. @throws PickleError */
export function resultsIn(buffers: readonly Uint8Array[]): Uint8Array[][] {
  const queue = new BufferQueue(buffers), parts: Uint8Array[][] = [];
  while (queue.left > 0) {
    const from = buffers.length - queue.left;
    queue.graph();
    parts.push(buffers.slice(from, buffers.length - queue.left));
  }
  return parts;
}

interface CannedGraph {
  readonly node: unknown;
  /** Bytes that it came in. */
  readonly length: number;
}

class BufferQueue {
  readonly #buffers: readonly Uint8Array[];
  #next = 0;

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers;
  }

  get left(): number {
    return this.#buffers.length - this.#next;
  }

  #take(): Uint8Array {
    const buffer = this.#buffers[this.#next++];
    if (buffer === undefined) throw badPickle(`buffers are missing: there are ${this.#buffers.length}`);
    return buffer;
  }

  /** The next pickle with its large buffers back in their places. */
  graph(): CannedGraph {
    const pickle = this.#take();
    const node = readGraph(pickle);
    let length = pickle.length;
    for (const record of wrappers(node)) {
      const buffers = record.member("buffers");
      if (!Array.isArray(buffers)) continue;
      for (let i = 0; i < buffers.length; i++) {
        if (buffers[i] !== null) continue;
        const bytes = this.#take();
        buffers[i] = new OutOfBand(bytes);
        length += bytes.length;
      }
    }
    return { node, length };
  }

  value(options: PickleReadOptions): unknown {
    const { node, length } = this.graph();
    return valueOfGraph(node, length, options);
  }

  finish(): void {
    if (this.left > 0) throw badPickle(`${this.left} buffers are left over`);
  }
}

/** ipyparallel's wrappers in the order in which their buffers follow: the value itself, or the items of a small container. */
function wrappers(node: unknown): PickleRecord[] {
  return itemsOf(node).filter((item): item is PickleRecord =>
    item instanceof PickleRecord && item.of.startsWith(`${CANNING}.`)
  );
}

function itemsOf(node: unknown): readonly unknown[] {
  if (node instanceof PickleDict) return node.keys.length < CANNED_ITEMS ? sortedValues(node) : [];
  const items = node instanceof PickleTuple || node instanceof PickleSet ? node.items : node;
  if (!Array.isArray(items)) return [node];
  return items.length < CANNED_ITEMS ? items : [];
}

/** A dict's values in the order of its keys. */
function sortedValues({ keys, values }: PickleDict): readonly unknown[] {
  const order = keys.map((_, i) => i);
  order.sort((a, b) => compare(keys[a], keys[b]));
  return order.map((i) => values[i]);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return byCodePoints(a, b);
  const [x, y] = [Number(a), Number(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

// ── what is called ───────────────────────────────────────────────────────────────────────────

function calleeOf(node: unknown): Callee {
  if (node instanceof PickleGlobal) return { kind: "function", module: node.module, name: node.name };
  if (!(node instanceof PickleRecord)) throw badPickle("what it calls is no function");
  switch (node.of) {
    case `${CANNING}.Reference`:
      return { kind: "reference", name: textOf(node.member("name")) };
    case `${CANNING}.CannedFunction`:
      return {
        kind: "function",
        module: textOf(node.member("module")),
        name: textOf(node.member("__name__")),
      };
    case `${CANNING}.CannedClass`:
      return { kind: "function", module: "__main__", name: textOf(node.member("name")) };
    default:
      return wrapped(node);
  }
}

/** A function within what binds arguments or conditions to it, or as cloudpickle and dill take it apart: (code, globals, name, …). */
function wrapped(node: PickleRecord): Callee {
  const [code, globals, given] = node.args;
  if (node.of.endsWith("._make_function") || node.of.endsWith("._create_function")) {
    const module = globals instanceof PickleDict ? textOf(globals.get("__name__")) : "";
    return { kind: "function", module, name: textOf(given) || nameOfCode(code) };
  }
  const inner = node.of === `${CANNING}.CannedObject`
    ? (node.member("obj") as Partial<PickleRecord> | null)?.member?.("f")
    : node.of === `${CANNING}.CannedPartial`
    ? node.member("func")
    : undefined;
  const isFunction = inner instanceof PickleRecord && inner.of === `${CANNING}.CannedFunction`;
  if (isFunction || inner instanceof PickleGlobal) return calleeOf(inner);
  return { kind: "function", module: "", name: node.of };
}

/** The name of a code object: the second of its texts, behind its file. */
function nameOfCode(code: unknown): string {
  const texts = code instanceof PickleRecord ? code.args.filter((arg) => typeof arg === "string") : [];
  return textOf(texts[1]);
}

function textOf(node: unknown): string {
  return typeof node === "string" ? node.slice(0, 200) : "";
}
