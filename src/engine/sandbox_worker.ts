/**
 * Inside the slot's Worker: takes one request after the other out of the ring, runs it, publishes its answer.
 *
 * Everything that it uses after the first task was taken before it (see `protocol/primordials.ts`): a task may replace whatever it can
 * reach. It can at worst spoil the answers of its own slot.
 */
import { INLINE_BODY_BYTES, OP } from "../protocol/groups.ts";
import {
  defineProperty,
  encodeUtf8,
  PrimordialUint8Array,
  typedArrayLength,
  typedArraySet,
} from "../protocol/primordials.ts";
import { encodeError, encodeValue, readValue, ValueWriter } from "../protocol/values.ts";
import { Definitions } from "./definitions.ts";
import { Namespace } from "./namespace.ts";
import { PythonCalls } from "./python_calls.ts";
import { countOutput, type TextCounter } from "./output.ts";
import { closeBackDoors, consoleMaker } from "./realm.ts";
import { BELL, REQUEST, RESULT_KIND, RING_OP, ringLayout } from "./ring.ts";
import { WorkerRing } from "./ring_worker.ts";

/** What the child's main thread gives to its Worker. */
export interface WorkerStart {
  readonly memory: ArrayBuffer;
  readonly entries: number;
  readonly ringBytes: number;
  readonly arenaBytes: number;
  readonly resultLimitBytes: number;
  /** Text that makes the tools for cells; kept until the first cell. */
  readonly cellTools: string;
  /** What the main thread measured of the walls. */
  readonly walls: {
    readonly landlock: number;
    readonly seccomp: boolean;
    readonly missing: readonly string[];
  };
}

/** After so long in a row without telling the host of results, it is told. */
const RING_AFTER_MS = 1;

const clock = performance.now.bind(performance);
const { timeOrigin } = performance;
const now = () => timeOrigin + clock();
const PrimordialTypeError = TypeError;
const mapGet = Function.prototype.call.bind(Map.prototype.get) as (map: unknown, key: number) => unknown;
const mapSet = Function.prototype.call.bind(Map.prototype.set) as (
  m: unknown,
  key: number,
  v: unknown,
) => void;
const mapDelete = Function.prototype.call.bind(Map.prototype.delete) as (
  map: unknown,
  key: number,
) => boolean;
const mapSize = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get as () => number,
) as (map: unknown) => number;
const PrimordialMap = Map;
const closeWorker = self.close.bind(self);

/** A promise that can be awaited whatever `Promise.prototype.constructor` is by now: await asks for it. */
function guarded<T>(promise: Promise<T>): Promise<T> {
  return defineProperty(promise, "constructor", PROMISE_CLASS);
}

const PROMISE_CLASS = Object.freeze(
  Object.assign(Object.create(null) as PropertyDescriptor, { value: Promise }),
);

const NOTHING = new Uint8Array(0);
const NO_BUFFERS: readonly Uint8Array[] = [];

class TaskRunner {
  readonly #ring: WorkerRing;
  readonly #namespace: Namespace;
  readonly #definitions = new Definitions();
  readonly #writer: ValueWriter;
  readonly #python: PythonCalls;
  /** Large buffers of tasks that are still to come, by ticket. */
  readonly #parts = new PrimordialMap<number, Uint8Array[]>();
  /** Time at which the last thing ended; the next task begins then. */
  #time = 0;
  #rungAt = 0;
  /** Whether a task runs, so that what it shows has a place. */
  #isRunning = false;

  constructor(ring: WorkerRing, start: WorkerStart) {
    this.#ring = ring;
    this.#writer = new ValueWriter(64 << 10, { maxBytes: start.resultLimitBytes });
    this.#namespace = new Namespace({ cellTools: start.cellTools, show: (event) => this.#show(event) });
    this.#python = new PythonCalls(this.#namespace, start.resultLimitBytes);
  }

  /** Takes all requests that wait. */
  async drain(): Promise<void> {
    const ring = this.#ring;
    this.#time = this.#rungAt = now();
    while (ring.hasRequest) {
      const op = ring.field(REQUEST.op);
      if (op === OP.define) this.#define();
      else if (op === RING_OP.chunk) this.#keepPiece();
      else if (op === RING_OP.drop) mapDelete(this.#parts, ring.field(REQUEST.ticket));
      else if (ring.start(this.#time)) {
        const pending = this.#task(op);
        if (pending !== undefined) await guarded(pending);
      } else mapDelete(this.#parts, ring.field(REQUEST.ticket));
      ring.done();
      if (this.#time - this.#rungAt < RING_AFTER_MS) continue;
      this.#rungAt = this.#time;
      ring.ring();
    }
    ring.ring();
  }

  #define(): void {
    const { body, buffers } = this.#body(true);
    this.#definitions.define(this.#ring.field(REQUEST.definition), () => readValue(body, buffers));
  }

  /** Copies a piece of a large buffer out of the arena; with its first piece the buffer is made. */
  #keepPiece(): void {
    const ring = this.#ring;
    const ticket = ring.field(REQUEST.ticket), index = ring.field(REQUEST.buffers);
    let buffers = mapGet(this.#parts, ticket) as Uint8Array[] | undefined;
    if (buffers === undefined) mapSet(this.#parts, ticket, buffers = []);
    if (buffers[index] === undefined) {
      const value = new PrimordialUint8Array(ring.number(REQUEST.total));
      const property = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
      defineProperty(buffers, index, property as PropertyDescriptor);
    }
    typedArraySet(buffers[index] as Uint8Array, ring.piece(), ring.number(REQUEST.offset));
    this.#time = now();
  }

  /** The current request's body and buffers. A body that is empty is the last of the buffers. */
  #body(isKept: boolean): { body: Uint8Array; buffers: readonly Uint8Array[] } {
    const ring = this.#ring;
    const buffers = this.#takeParts();
    if (ring.field(REQUEST.length) === 0 && buffers.length > 0) {
      return { body: buffers[buffers.length - 1] as Uint8Array, buffers };
    }
    const view = ring.body();
    if (!isKept) return { body: view, buffers };
    const body = new PrimordialUint8Array(typedArrayLength(view));
    typedArraySet(body, view, 0);
    return { body, buffers };
  }

  #takeParts(): readonly Uint8Array[] {
    if (mapSize(this.#parts) === 0) return NO_BUFFERS;
    const ticket = this.#ring.field(REQUEST.ticket);
    const buffers = mapGet(this.#parts, ticket) as Uint8Array[] | undefined;
    if (buffers === undefined) return NO_BUFFERS;
    mapDelete(this.#parts, ticket);
    return buffers;
  }

  /** Runs a task and publishes its one answer. Only a task that has to wait makes this wait. */
  #task(op: number): Promise<void> | undefined {
    const started = this.#time;
    this.#isRunning = true;
    try {
      const { body, buffers } = this.#body(false);
      const result = this.#run(op, readValue(body, buffers));
      if ((typeof result === "object" && result !== null) || typeof result === "function") {
        return this.#settle(result, started);
      }
      this.#answer(result, started);
    } catch (error) {
      this.#fail(error, started);
    }
    return undefined;
  }

  async #settle(result: unknown, started: number): Promise<void> {
    try {
      this.#answer(await result, started);
    } catch (error) {
      this.#fail(error, started);
    }
  }

  #run(op: number, value: unknown): unknown {
    switch (op) {
      case OP.apply:
        return this.#definitions.call(this.#ring.field(REQUEST.definition), value as unknown[]);
      case OP.execute:
        return this.#execute(value);
      case OP.push:
        return this.#namespace.push(value);
      case OP.pull:
        return this.#namespace.pull(value);
      case OP.clear:
        return this.#namespace.clear();
      case RING_OP.python:
        return this.#python.call(value as readonly Uint8Array[]);
      default:
        throw new PrimordialTypeError(`Cannot run a request of kind ${op}`);
    }
  }

  /** Runs a cell. A value that cannot be sent is replaced by its text. */
  async #execute(request: unknown): Promise<unknown> {
    const { code, silent } = request as { code?: unknown; silent?: unknown };
    if (typeof code !== "string") throw new PrimordialTypeError("Cannot execute: the code is no text");
    const result = await this.#namespace.execute(code, silent === true);
    try {
      this.#writer.reset();
      this.#writer.write(result);
      return result;
    } catch {
      return { executionCount: result.executionCount, text: result.text, value: undefined };
    }
  }

  #answer(value: unknown, started: number): void {
    const writer = this.#writer;
    writer.reset();
    writer.write(value, "result");
    this.#isRunning = false;
    const body = writer.bytes(), buffers = writer.buffers;
    const count = buffers.length;
    for (let i = 0; i < count; i++) this.#ring.publishBuffer(i, buffers[i] as Uint8Array);
    const isLong = typedArrayLength(body) > INLINE_BODY_BYTES;
    if (isLong) this.#ring.publishBuffer(count, body);
    this.#time = now();
    this.#ring.publish(
      RESULT_KIND.ok,
      isLong ? count + 1 : count,
      isLong ? NOTHING : body,
      started,
      this.#time,
    );
  }

  #fail(error: unknown, started: number): void {
    this.#isRunning = false;
    const body = encodeError(error);
    const isLong = typedArrayLength(body) > INLINE_BODY_BYTES;
    if (isLong) this.#ring.publishBuffer(0, body);
    this.#time = now();
    this.#ring.publish(RESULT_KIND.error, isLong ? 1 : 0, isLong ? NOTHING : body, started, this.#time);
  }

  /** Sends something to show, if a task runs: what comes later belongs to none. */
  #show(event: object): void {
    if (!this.#isRunning) return;
    const { body, buffers } = encodeValue(event, "display");
    if (buffers.length > 0 || typedArrayLength(body) > INLINE_BODY_BYTES) {
      throw new PrimordialTypeError(`Cannot display more than ${INLINE_BODY_BYTES} bytes`);
    }
    this.#ring.publish(RESULT_KIND.event, 0, body, 0, 0);
    this.#ring.ring();
  }
}

/** Late throws of finished tasks must not end the Worker, and with it a task that has nothing to do with them. */
function swallowLateErrors(stderr: TextCounter): void {
  const say = (error: unknown) => {
    try {
      stderr.write(encodeUtf8(`Uncaught (after its task or outside it) ${lateText(error)}\n`));
    } catch {
      // Nobody is left to be told.
    }
  };
  addEventListener("error", (event) => {
    event.preventDefault();
    say(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    say(event.reason);
  });
}

function lateText(error: unknown): string {
  const { ename, evalue } = readValue(encodeError(error)) as { ename: string; evalue: string };
  return `${ename}: ${evalue}`;
}

function denoWallStands(): boolean {
  const names = ["run", "write", "net", "env", "sys", "import", "ffi", "read"] as const;
  return names.every((name) => Deno.permissions.querySync({ name }).state !== "granted");
}

async function serve(start: WorkerStart): Promise<void> {
  const read = Deno.stdin.read.bind(Deno.stdin), readSync = Deno.stdin.readSync.bind(Deno.stdin);
  const writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
  const isDeno = denoWallStands();
  const { stdout, stderr } = countOutput(consoleMaker(), start.memory);
  closeBackDoors();
  swallowLateErrors(stderr);
  const rung = new Uint8Array(4096), bell = new Uint8Array([BELL]);
  const ringHost = () => {
    try {
      writeSync(bell);
    } catch {
      // A task closed the stream: the host looks at the ring from time to time anyway.
    }
  };
  const waitForHost = () => {
    if (readSync(rung) === null) closeWorker();
  };
  let isSpoilt = false;
  const sleep = async () => {
    try {
      if (!isSpoilt) return await guarded(read(rung));
    } catch {
      isSpoilt = true;
    }
    // A task broke what the runtime's own reading needs. This way its timers stand still while nothing is asked.
    return readSync(rung);
  };
  const layout = ringLayout(start.entries, start.ringBytes, start.arenaBytes);
  const ring = new WorkerRing(start.memory, layout, { ring: ringHost, wait: waitForHost }, {
    stdout,
    stderr,
  });
  const runner = new TaskRunner(ring, start);
  const report = encodeUtf8(JSON.stringify({ deno: isDeno, ...start.walls }));
  ring.publish(RESULT_KIND.ready, 0, report, 0, 0);
  ring.ring();
  for (;;) {
    await guarded(runner.drain());
    if (await guarded(sleep()) === null) break;
  }
  closeWorker();
}

let isServing = false;
// The listener stays: without one, a Worker whose task only waits would count as idle and end.
globalThis.addEventListener("message", (event) => {
  if (isServing || !(event instanceof MessageEvent)) return;
  isServing = true;
  // Without its loop the Worker is of no use: the host sees its end at once.
  serve(event.data).catch(closeWorker);
});
