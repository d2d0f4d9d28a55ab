/**
 * Pickles as values: nothing is ever run, and what is not data is refused by name.
 *
 *     None → null, bool, float, str: the same; int → number, or BigInt beyond 2^53; bytes, bytearray → Uint8Array
 *     list, tuple → array; set, frozenset → Set; dict → object, or Map if a key is no text; datetime → Date
 *     numpy's arrays → typed array or NdArray (`nd_array.ts`), its scalars → number, BigInt or boolean
 *
 * What occurs twice in a pickle is one object here, and cycles stay cycles. Depth is bounded, and so are the bytes that are
 * copied: in proportion to the pickle's length, however often it names the same.
 */
import { badPickle } from "./pickle_error.ts";
import { OutOfBand, PickleDict, PickleGlobal, PickleRecord, PickleSet, PickleTuple } from "./pickle_graph.ts";
import { knownValue, type Reading } from "./pickle_known.ts";
import { readGraph } from "./pickle_machine.ts";
import { defineProperty } from "./primordials.ts";

export { PickleError } from "./pickle_error.ts";

export interface PickleReadOptions {
  /** What a `Reference` of ipyparallel's stands for. Without it such a pickle is refused. */
  readonly reference?: (name: string) => unknown;
}

/** Deepest nesting of values: inside what the codec of values takes, and inside any stack. */
const MAX_DEPTH = 1000;
/** Pickles within pickles, as ipyparallel sends empty arrays and those of objects. */
const MAX_NESTED = 4;
const LEAST_ALLOWANCE = 1 << 20;

/** The value of a whole pickle. @throws PickleError */
export function readPickle(bytes: Uint8Array, options: PickleReadOptions = {}): unknown {
  return valueOfGraph(readGraph(bytes), bytes.length, options);
}

/** The value of a graph that came in so many bytes. @throws PickleError */
export function valueOfGraph(graph: unknown, length: number, options: PickleReadOptions = {}): unknown {
  return new GraphReader(length, options, 0).value(graph);
}

class GraphReader {
  readonly #options: PickleReadOptions;
  readonly #nesting: number;
  readonly #done = new Map<object, unknown>();
  readonly #reading: Reading;
  #depth = 0;
  #allowance: number;

  constructor(length: number, options: PickleReadOptions, nesting: number) {
    this.#options = options;
    this.#nesting = nesting;
    this.#allowance = length * 4 + LEAST_ALLOWANCE;
    this.#reading = {
      value: (node) => this.value(node),
      list: (items) => this.#list(items, {}),
      set: (items) => this.#set(items, {}),
      dict: (dict) => this.#dict(dict),
      nested: (pickle) => this.#nested(pickle),
      reference: (name) => this.#reference(name),
      charge: (bytes) => this.#charge(bytes),
    };
  }

  value(node: unknown): unknown {
    if (typeof node !== "object" || node === null) return node;
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    if (++this.#depth > MAX_DEPTH) throw badPickle(`it is nested more than ${MAX_DEPTH} deep`);
    const value = this.#object(node);
    this.#depth--;
    return value;
  }

  #object(node: object): unknown {
    if (Array.isArray(node)) return this.#list(node, node);
    if (node instanceof PickleTuple) return this.#list(node.items, node);
    if (node instanceof PickleDict) return this.#dict(node);
    if (node instanceof Uint8Array) {
      this.#charge(node.length);
      return this.#keep(node, node.slice());
    }
    if (node instanceof PickleSet) return this.#set(node.items, node);
    if (node instanceof OutOfBand) return node.bytes;
    if (node instanceof PickleRecord) return this.#keep(node, knownValue(node, this.#reading));
    if (node instanceof PickleGlobal) {
      throw badPickle(`it names ${node.text}, which is no data for this side`);
    }
    throw badPickle("it holds something that is no data");
  }

  /** Remembers what became of a node that has no parts; those that have remember themselves before their parts are read. */
  #keep(node: object, value: unknown): unknown {
    this.#done.set(node, value);
    return value;
  }

  #list(items: readonly unknown[], node: object): unknown[] {
    const list: unknown[] = new Array(items.length);
    this.#done.set(node, list);
    for (let i = 0; i < items.length; i++) list[i] = this.value(items[i]);
    return list;
  }

  #set(items: readonly unknown[], node: object): Set<unknown> {
    const set = new Set<unknown>();
    this.#done.set(node, set);
    for (const item of items) set.add(this.value(item));
    return set;
  }

  #dict(dict: PickleDict): unknown {
    const { keys, values } = dict;
    if (!keys.every((key) => typeof key === "string")) return this.#map(dict);
    const object: Record<string, unknown> = {};
    this.#done.set(dict, object);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string, value = this.value(values[i]);
      if (key !== "__proto__") object[key] = value;
      else defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    }
    return object;
  }

  #map(dict: PickleDict): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>();
    this.#done.set(dict, map);
    for (let i = 0; i < dict.keys.length; i++) map.set(this.value(dict.keys[i]), this.value(dict.values[i]));
    return map;
  }

  #nested(pickle: Uint8Array): unknown {
    if (this.#nesting >= MAX_NESTED) throw badPickle("pickles within pickles");
    this.#charge(pickle.length);
    return new GraphReader(pickle.length, this.#options, this.#nesting + 1).value(readGraph(pickle));
  }

  #reference(name: string): unknown {
    const { reference } = this.#options;
    if (reference === undefined) throw badPickle(`a Reference (${JSON.stringify(name)}) means nothing here`);
    return reference(name);
  }

  #charge(bytes: number): void {
    this.#allowance -= bytes;
    if (this.#allowance < 0) throw badPickle("it makes far more of its bytes than are there");
  }
}
