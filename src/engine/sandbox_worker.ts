/**
 * Inside the slot's Worker: takes one request after the other out of the ring, runs it, publishes its answer.
 *
 * Everything that it uses after the first task was taken before it (see `protocol/primordials.ts`): a task may replace whatever it can
 * reach. It can at worst spoil the answers of its own slot.
 */
import type { PermissionName } from "../protocol/permissions.ts";
import { OP } from "../protocol/groups.ts";
import {
  decodeUtf8,
  defineProperty,
  encodeUtf8,
  PrimordialUint8Array,
  typedArrayLength,
  typedArraySet,
} from "../protocol/primordials.ts";
import { readValue } from "../protocol/values.ts";
import { hasKept, type KeptTable, keptTable } from "../protocol/values_kept.ts";
import { Answers, now, TOO_LARGE } from "./answers.ts";
import { Asking, named } from "./asking.ts";
import { Denials } from "./denials.ts";
import { Doorbell, guarded } from "./doorbell.ts";
import { Definitions } from "./definitions.ts";
import { Namespace } from "./namespace.ts";
import { PythonCalls } from "./python_calls.ts";
import { tellExits } from "./exits.ts";
import { swallowLateErrors } from "./late_errors.ts";
import { countOutput } from "./output.ts";
import { closeBackDoors, consoleMaker, denoWallStands, proxyTest } from "./realm.ts";
import { type ProxyTest, type Question, Reflection } from "./reflection.ts";
import { TaskSignal } from "./task_signal.ts";
import { REQUEST, RESULT_KIND, RING_OP, ringLayout, TOLD } from "./ring.ts";
import { WorkerRing } from "./ring_worker.ts";

/** What the child's main thread gives to its Worker. */
export interface WorkerStart {
  readonly memory: ArrayBuffer;
  /** Whether no other Worker has had the ring. */
  readonly isFirst: boolean;
  /** Whether this Worker is for one task only. */
  readonly isFresh: boolean;
  readonly entries: number;
  readonly ringBytes: number;
  readonly arenaBytes: number;
  readonly resultLimitBytes: number;
  /** Text that makes the tools for cells; kept until the first cell. */
  readonly cellTools: string;
  /** Permissions that are not granted as a whole. */
  readonly closed: readonly PermissionName[];
  /** What the main thread measured of the walls. */
  readonly walls: {
    readonly landlock: number;
    readonly seccomp: boolean;
    readonly missing: readonly string[];
    readonly excess: readonly string[];
  };
}

/** After so long in a row without telling the host of results, it is told. */
const RING_AFTER_MS = 1;
/** A task that waits for less than so many promises in a row is not listened for. */
const SHORT_WAIT = 100;

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
const PrimordialPromise = Promise;
const closeWorker = self.close.bind(self);
const postToMain: (message: unknown, transfer?: Transferable[]) => void = Reflect.get(
  self,
  "postMessage" as string,
)
  .bind(self);

const NO_BUFFERS: readonly Uint8Array[] = [];

/** A task that waits for something. */
interface Turn {
  readonly started: number;
  /** It has its answer, or was interrupted: what it still does is of no interest. */
  isOver: boolean;
  release: () => void;
}

class TaskRunner {
  readonly #ring: WorkerRing;
  readonly #bell: Doorbell;
  readonly #namespace: Namespace;
  readonly #definitions = new Definitions();
  readonly #answers: Answers;
  readonly #python: PythonCalls;
  /** Large buffers of tasks that are still to come, by ticket. */
  readonly #parts = new PrimordialMap<number, Uint8Array[]>();
  /** Time at which the last thing ended; the next task begins then. */
  #time = 0;
  #rungAt = 0;
  readonly #reflection: Reflection;
  readonly #asking: Asking;
  readonly #signal: TaskSignal;
  readonly #denials: Denials;
  /** The task that waits. */
  #turn: Turn | undefined;
  #isListening = false;
  readonly #isFresh: boolean;

  constructor(ring: WorkerRing, bell: Doorbell, start: WorkerStart, isProxy: ProxyTest) {
    this.#ring = ring;
    this.#bell = bell;
    this.#isFresh = start.isFresh;
    const layout = ringLayout(start.entries, start.ringBytes, start.arenaBytes);
    this.#denials = new Denials(
      start.memory,
      layout.denials,
      () => this.#answers.isRunning ? ring.field(REQUEST.ticket) : -1,
    );
    this.#denials.watch();
    const answers = this.#answers = new Answers({
      ring,
      denials: this.#denials,
      resultLimitBytes: start.resultLimitBytes,
      showLimitBytes: start.ringBytes / 4,
    });
    this.#reflection = new Reflection(isProxy);
    this.#asking = new Asking({
      show: (event) => answers.show(event),
      told: () => ring.told(),
      text: () => decodeUtf8(ring.toldText()),
      wait: () => ring.waitForBell(),
    });
    this.#signal = new TaskSignal({
      isRunning: () => answers.isRunning,
      hear: () => this.#hear(),
      text: () => decodeUtf8(ring.toldText()),
      looked: () => ring.looked(),
      notHere: (error, reason) => {
        answers.unmet = error;
        answers.unmetReason = reason;
      },
    });
    this.#namespace = new Namespace({
      cellTools: start.cellTools,
      show: (event) => void answers.show(event),
    });
    this.#python = new PythonCalls(this.#namespace, start.resultLimitBytes);
  }

  /** Takes all requests that wait. True: it has done its one task. */
  async drain(): Promise<boolean> {
    const ring = this.#ring;
    this.#time = this.#rungAt = now();
    let isOver = false;
    while (ring.hasRequest) {
      const op = ring.field(REQUEST.op);
      let isTask = false;
      if (op === OP.define) this.#define();
      else if (op === RING_OP.chunk) this.#keepPiece();
      else if (op === RING_OP.drop) mapDelete(this.#parts, ring.field(REQUEST.ticket));
      else if (ring.start(this.#time)) {
        isTask = true;
        const pending = this.#task(op);
        if (pending !== undefined) await guarded(pending);
      } else mapDelete(this.#parts, ring.field(REQUEST.parts));
      ring.done();
      isOver = isTask && this.#isFresh;
      if (isOver) break;
      if (this.#time - this.#rungAt < RING_AFTER_MS) continue;
      this.#rungAt = this.#time;
      ring.ring();
    }
    ring.ring();
    return isOver;
  }

  #define(): void {
    const { body, buffers } = this.#body(true);
    const read = (kept: KeptTable | undefined) => readValue(body, buffers, kept);
    this.#definitions.define(this.#ring.field(REQUEST.definition), read, hasKept(body));
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
    const ticket = this.#ring.field(REQUEST.parts);
    const buffers = mapGet(this.#parts, ticket) as Uint8Array[] | undefined;
    if (buffers === undefined) return NO_BUFFERS;
    mapDelete(this.#parts, ticket);
    return buffers;
  }

  /** Runs a task and publishes its one answer. Only a task that has to wait makes this wait. */
  #task(op: number): Promise<void> | undefined {
    const started = this.#time;
    this.#denials.forget();
    this.#signal.forget();
    this.#answers.isRunning = true;
    try {
      const { body, buffers } = this.#body(false);
      const kept = keptTable(body, buffers);
      const result = this.#run(op, readValue(kept === undefined ? body : kept.body, buffers, kept), kept);
      if ((typeof result === "object" && result !== null) || typeof result === "function") {
        return this.#wait(result, started);
      }
      this.#time = this.#answers.answer(result, started);
    } catch (error) {
      this.#time = this.#answers.fail(error, started);
    }
    return undefined;
  }

  /** Waits for a task, and listens meanwhile: it may be told to wait no longer. */
  #wait(result: unknown, started: number): Promise<void> {
    const turn: Turn = { started, isOver: false, release: () => {} };
    const over = new PrimordialPromise<void>((resolve) => turn.release = resolve);
    this.#turn = turn;
    this.#settle(result, turn);
    this.#listen();
    return over;
  }

  async #settle(result: unknown, turn: Turn): Promise<void> {
    try {
      try {
        const value = await result;
        if (!turn.isOver) this.#time = this.#answers.answer(value, turn.started);
      } catch (error) {
        if (!turn.isOver) this.#time = this.#answers.fail(error, turn.started);
      }
      if (!turn.isOver) this.#end(turn);
    } catch {
      // Without its answer the Worker is of no use.
      closeWorker();
    }
  }

  #end(turn: Turn): void {
    turn.isOver = true;
    this.#turn = undefined;
    this.#asking.forget();
    turn.release();
  }

  /** Hears what the host tells a task that waits. If that cannot be heard, a task can only be stopped with its process. */
  async #listen(): Promise<void> {
    if (this.#isListening) return;
    this.#isListening = true;
    try {
      for (let turn = this.#turn; turn !== undefined; turn = this.#turn) {
        this.#hear();
        // Most that wait do so for a moment only.
        for (let i = 0; i < SHORT_WAIT && this.#turn === turn; i++) await undefined;
        if (this.#turn === turn && !await guarded(this.#bell.heard())) return closeWorker();
      }
    } catch {
      // So it is.
    }
    this.#isListening = false;
  }

  /** Takes what the host has told the task that runs, if anything. */
  #hear(): void {
    const told = this.#ring.told();
    if (told === 0) return;
    if (told === TOLD.abort || told === TOLD.interrupt) this.#signal.abort();
    if (told === TOLD.abort) return;
    if (told !== TOLD.interrupt) this.#asking.hear(told);
    else if (this.#turn !== undefined) this.#interrupt(this.#turn);
  }

  #interrupt(turn: Turn): void {
    const evalue =
      "Interrupted: what it awaited was abandoned and may still go on behind later tasks; the namespace is kept";
    this.#time = this.#answers.fail(named("KeyboardInterrupt", evalue), turn.started);
    this.#end(turn);
  }

  #run(op: number, value: unknown, kept: KeptTable | undefined): unknown {
    switch (op) {
      case OP.apply:
        return this.#definitions.call(this.#ring.field(REQUEST.definition), value as unknown[], kept);
      case OP.execute:
        return this.#execute(value);
      case OP.push:
        return this.#namespace.push(value);
      case OP.pull:
        return this.#namespace.pull(value);
      case OP.clear:
        return this.#namespace.clear();
      case RING_OP.question:
        return this.#reflection.answer(value as Question);
      case RING_OP.python:
        return this.#python.call(value as readonly Uint8Array[]);
      default:
        throw new PrimordialTypeError(`Cannot run a request of kind ${op}`);
    }
  }

  /** Runs a cell. A value that cannot be sent is replaced by its text. */
  async #execute(request: unknown): Promise<unknown> {
    const { code, silent, peer } = request as Readonly<Record<string, unknown>>;
    if (typeof code !== "string") throw new PrimordialTypeError("Cannot execute: the code is no text");
    const { counts, expressions } = (peer ?? {}) as { counts?: boolean; expressions?: unknown };
    const isPeers = peer !== undefined;
    const result = await this.#namespace.execute({
      code,
      silent: silent === true,
      isPeers,
      counts,
      expressions,
    });
    try {
      this.#answers.write(result, "value");
      return result;
    } catch (error) {
      if (error === TOO_LARGE) throw error;
      const { executionCount, text } = result;
      return { executionCount, text, value: undefined };
    }
  }
}

async function serve(start: WorkerStart): Promise<void> {
  const bell = new Doorbell(closeWorker);
  const isDeno = denoWallStands(start.closed);
  const { stdout, stderr } = countOutput(consoleMaker(), start.memory);
  const isProxy = proxyTest();
  closeBackDoors();
  tellExits(postToMain);
  swallowLateErrors(stderr);
  const layout = ringLayout(start.entries, start.ringBytes, start.arenaBytes);
  const ring = new WorkerRing(start.memory, layout, bell, { stdout, stderr });
  const runner = new TaskRunner(ring, bell, start, isProxy);
  if (start.isFirst) {
    const report = encodeUtf8(JSON.stringify({ deno: isDeno, ...start.walls }));
    ring.publish(RESULT_KIND.ready, 0, report, 0, 0);
    ring.ring();
  } else ring.takeOver();
  for (;;) {
    // The main thread ends this Worker, and gives the memory to the next.
    if (await guarded(runner.drain())) return postToMain(start.memory, [start.memory]);
    if (!await guarded(bell.sleep())) break;
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
