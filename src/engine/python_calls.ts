/**
 * Inside the Worker: what Python's clients want called. Functions of Python's own cannot run here; what can be done is what needs none: a
 * function of the namespace by `Reference`, push and pull (also behind scatter and gather), and map over a Reference.
 *
 * Pickles are read and written here and not in the engine host: a large one takes long, and hundreds of milliseconds in the host would stand
 * in the way of every engine's heartbeats; and what a broken or hostile one costs, it costs its own slot, under that slot's limits. The host
 * passes buffers on unread, so nothing that a client sends can trip it up.
 */
import { type ApplyRequest, type Callee, readApply, writeResult } from "../protocol/pickle_apply.ts";
import { PickleError } from "../protocol/pickle_error.ts";
import { UncodableValue } from "../protocol/pickle_write.ts";
import { isArray, keys } from "../protocol/primordials.ts";
import { named } from "./asking.ts";
import { isIdentifier, type Namespace } from "./namespace.ts";

const { apply } = Reflect;
const MakeFunction = Function;
const PrimordialTypeError = TypeError;
const PrimordialReferenceError = ReferenceError;

/** A name with something behind it: what a method needs as its `this`. */
const MEMBER = /^(.+)\.([\p{L}_$][\p{L}\p{N}_$]*)$/su;

type Arguments = ReturnType<ApplyRequest["read"]>;
/** What an error names when Python's functions are among the arguments, canned or by cloudpickle or dill. */
const FUNCTIONS = /\bCannedFunction\b|\b_make_function\b|\b_create_function\b/;
const WAYS =
  'this engine runs TypeScript. Call a function of its own with Reference("name"), send it code with execute, ' +
  "or send Python functions to Python engines: load_balanced_view(targets=[their ids])";

type Rule = (calls: PythonCalls, args: Arguments) => unknown;

const SERIALIZER_SWITCHES = ["use_pickle", "use_dill", "use_cloudpickle"];

/** Python functions that stand for something that this engine can do. */
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["ipyparallel.util._push", (calls, { kwargs }) => calls.push(kwargs)],
  ["ipyparallel.util._pull", (calls, { args }) => calls.pull(args[0])],
  ["ipyparallel.client.remotefunction._map", (calls, { args }) => calls.map(args)],
  // How the other side pickles is all the same to this one.
  ...["ipyparallel.serialize.canning", "ipyparallel.serialize"].flatMap((module) =>
    SERIALIZER_SWITCHES.map((name): [string, Rule] => [`${module}.${name}`, () => null])
  ),
]);

export class PythonCalls {
  readonly #namespace: Pick<Namespace, "push" | "pull">;
  readonly #maxBytes: number;

  /** @param maxBytes of a result */
  constructor(namespace: Pick<Namespace, "push" | "pull">, maxBytes: number) {
    this.#namespace = namespace;
    this.#maxBytes = maxBytes;
  }

  /**
   * Does what a request's buffers ask for; the answer is the buffers of its reply.
   * @throws what the called function throws, PickleError, TypeError for what cannot be called here, NameError
   */
  async call(buffers: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const request = readApply(buffers);
    const { callee } = request;
    const result =
      await (callee.kind === "reference"
        ? this.#reference(callee.name, request)
        : this.#rule(callee, request));
    try {
      return writeResult(result, { maxBytes: this.#maxBytes });
    } catch (error) {
      throw error instanceof UncodableValue ? named("PicklingError", error.message) : error;
    }
  }

  #arguments(request: ApplyRequest): Arguments {
    try {
      return request.read({ reference: (name) => this.valueOf(name) });
    } catch (error) {
      if (!(error instanceof PickleError) || !FUNCTIONS.test(error.message)) throw error;
      throw new PrimordialTypeError(`Cannot take a Python function as an argument: ${WAYS}`);
    }
  }

  #reference(name: string, request: ApplyRequest): unknown {
    const { self, value } = this.#callable(name);
    const { args, kwargs } = this.#arguments(request);
    // JavaScript has no named arguments: they come as one object behind the others, as options do.
    return apply(value, self, keys(kwargs).length === 0 ? args : [...args, kwargs]);
  }

  #rule(callee: Callee & { kind: "function" }, request: ApplyRequest): unknown {
    const rule = RULES.get(`${callee.module}.${callee.name}`);
    if (rule === undefined) throw new PrimordialTypeError(refusal(callee));
    return rule(this, this.#arguments(request));
  }

  /** A function by name, with the object that it is a method of. */
  #callable(name: string): { self: unknown; value: (...args: unknown[]) => unknown } {
    const [, owner, member] = MEMBER.exec(name) ?? [];
    let self: unknown = undefined, value: unknown;
    if (owner === undefined || member === undefined) value = this.valueOf(name);
    else {
      self = this.valueOf(owner);
      if (self === undefined || self === null) {
        throw new PrimordialTypeError(`Cannot call "${name}": "${owner}" is ${self}`);
      }
      value = (self as Readonly<Record<string, unknown>>)[member];
    }
    if (typeof value === "function") return { self, value: value as (...args: unknown[]) => unknown };
    throw new PrimordialTypeError(
      `Cannot call "${name}": it is ${kindOf(value)} on this engine, not a function`,
    );
  }

  /** The value of a name or expression. @throws NameError as Python has it, if there is no such name */
  valueOf(name: string): unknown {
    try {
      return this.#namespace.pull([name])[0];
    } catch (error) {
      if (!(error instanceof PrimordialReferenceError)) throw error;
      const [, missing = name] = /^(\S+) is not defined$/.exec(error.message) ?? [];
      throw named("NameError", `name '${missing}' is not defined`);
    }
  }

  /** Sets names, or what an expression leads to: `a.b`. */
  push(values: Readonly<Record<string, unknown>>): null {
    const names = keys(values);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (isIdentifier(name)) this.#namespace.push({ [name]: values[name] });
      else new MakeFunction("value", `${name} = value`)(values[name]);
    }
    return null;
  }

  /** The value of one name, or a list of those of several. */
  pull(names: unknown): unknown {
    if (typeof names === "string") return this.valueOf(names);
    const list = names instanceof Set ? [...names] : names;
    if (!isArray(list) || !list.every((name) => typeof name === "string")) {
      throw new PrimordialTypeError("Cannot pull: neither a name nor a list of names");
    }
    return list.map((name) => this.valueOf(name));
  }

  /** Calls a function of this side once for each row of items, one after the other. */
  async map([f, ...sequences]: readonly unknown[]): Promise<unknown[]> {
    if (typeof f !== "function") throw new PrimordialTypeError(`Cannot map: ${kindOf(f)} is not a function`);
    const columns = sequences.map(itemsOf);
    const rows = columns.reduce((least, { length }) => Math.min(least, length), Infinity);
    const results: unknown[] = [];
    for (let i = 0; i < rows && rows !== Infinity; i++) {
      results.push(await apply(f, undefined, columns.map((column) => column[i])));
    }
    return results;
  }
}

function itemsOf(sequence: unknown): ArrayLike<unknown> {
  if (isArray(sequence)) return sequence;
  if (ArrayBuffer.isView(sequence) && "length" in sequence) return sequence as unknown as ArrayLike<unknown>;
  if (sequence instanceof Set || sequence instanceof Map) return [...sequence.keys()];
  if (typeof sequence === "string") return [...sequence];
  throw new PrimordialTypeError(`Cannot map over ${kindOf(sequence)}`);
}

function refusal({ module, name }: { readonly module: string; readonly name: string }): string {
  const what = `Python's function ${JSON.stringify(name || "(unnamed)")}${
    module === "" ? "" : ` of module ${JSON.stringify(module)}`
  }`;
  return `Cannot call ${what}: ${WAYS}`;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return isArray(value) ? "an array" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
