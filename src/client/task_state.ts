/**
 * One task from its submission to its end: what `pending.ts` keeps while it is open, and what its owner shows as metadata afterwards.
 */
import type { PutValue } from "./ref.ts";
import { STATUS } from "../protocol/groups.ts";
import { type Asked, dependencyIds } from "./asked.ts";
import type { Scope } from "./scope.ts";

/** Whoever asked for a task: an AsyncResult, a map. */
export interface TaskOwner {
  fulfilled(task: TaskState, value: unknown): void;
  rejected(task: TaskState, error: Error): void;
  /** Whom it stands before. */
  readonly behind?: TaskOwner | undefined;
  /** The scope that stops its tasks when it is left. */
  readonly scope?: Scope | undefined;
  /** Its tasks are being stopped, for this reason. */
  stopping?(reason: unknown): void;
  /** Resolves when none of its tasks is open. */
  ended?(): Promise<void>;
}

/** What a task needs of the way that it took (`path.ts`). */
export interface TaskRoute {
  /** Whether its tasks are Jupyter messages, one by one, and no part of a group. */
  readonly isPeer: boolean;
  /** The task's id in the cluster, where it is not its number's. */
  msgIdOf?(task: TaskState): string;
  /** Tells the route that the task ended. */
  finished(task: TaskState): void;
  /** Asks to stop tasks: `abort` only those that have not started, `cancel` all. */
  stop(tasks: readonly TaskState[], how: StopWord, reason?: unknown): void;
}

/** abort: the wire's word, waiting tasks only. cancel: in any state. */
export type StopWord = "abort" | "cancel";

/** What is known of one task. Times are in milliseconds since 1970. */
export interface TaskMetadata {
  /** Its id in the cluster. */
  readonly msgId: string;
  /** As the view had it; null for none. */
  readonly label: unknown;
  /** When its client has sent it. */
  readonly submitted: number;
  /** null before it started, or if it never did. */
  readonly started: number | null;
  /** When it ended, as its engine tells. */
  readonly completed: number | null;
  /** When its result came to this client; of another client's task, to the hub. */
  readonly received: number | null;
  /** Of the engine that ran it, if one did. */
  readonly engineId: number | null;
  /** The same engine's uuid. */
  readonly engineUuid: string | null;
  /** How it stands, or how it ended. */
  readonly status: "open" | "ok" | "error" | "aborted" | "cancelled" | "lost";
  /** What it wrote so far. */
  readonly stdout: string;
  /** What it wrote to stderr so far. */
  readonly stderr: string;
  /** Contents of its `display_data` and `execute_result` messages. */
  readonly display: readonly unknown[];
  /** Content of its last `execute_result`. */
  readonly executeResult: unknown;
  /** Whether all has come that it wrote and showed. */
  readonly outputReady: boolean;
  /** How it failed; null while it is open, or if it did not. */
  readonly error: Error | null;
  /** msg_ids of the tasks that it waits for. */
  readonly after: readonly string[];
  /** Those whose place it follows. */
  readonly follow: readonly string[];
  /** Its rank among its client's own tasks. */
  readonly priority: number;
  /** How often it was started, as far as the scheduler knows. */
  readonly tries: number;
}

/** What turns numbers into what users see. */
export interface TaskNames {
  msgId(n: number): string;
  engineUuid(id: number): string | null;
  /** The id of an engine that is or was there; null for any other uuid. */
  engineId(uuid: string): number | null;
}

const OPEN = -1;

/** Mutable state of one task. */
export class TaskState {
  /** Number of the task at this client; 0 until it is submitted. */
  n = 0;
  submitted = 0;
  started = 0;
  completed = 0;
  /** When the client had its result; 0 while it is open. */
  received = 0;
  /** -1 before an engine has answered. */
  engine = -1;
  status: number = OPEN;
  tries = 1;
  output: TaskOutput | undefined = undefined;
  /** Bytes that it counts in its path's window; when its result has come in a group, the result's. */
  bytes = 0;
  /** Whether its record has left, or is in the group that leaves next. */
  isSent = false;
  /** What it sets in the namespace: names for sure, perhaps some, or nothing that is meant to stay. */
  writes: "names" | "perhaps" | "nothing" = "nothing";
  /** Id of its function on its path, 0 for none. */
  definition = 0;
  /** Put values that it names. */
  values: readonly PutValue[] | undefined = undefined;
  readonly owner: TaskOwner;
  /** Its place among the owner's tasks. */
  readonly index: number;
  readonly route: TaskRoute;
  readonly label: unknown;

  constructor(owner: TaskOwner, index: number, route: TaskRoute, label: unknown) {
    this.owner = owner;
    this.index = index;
    this.route = route;
    this.label = label;
  }

  get isOpen(): boolean {
    return this.status === OPEN;
  }

  /** What a user may know of it now. */
  metadata(names: TaskNames, asked: Asked = {}, error: Error | null = null): TaskMetadata {
    return {
      msgId: msgIdOf(this, names),
      label: this.label ?? null,
      submitted: this.submitted,
      started: this.started > 0 ? this.started : null,
      completed: this.completed > 0 ? this.completed : null,
      received: this.received > 0 ? this.received : null,
      engineId: this.engine < 0 ? null : this.engine,
      engineUuid: this.engine < 0 ? null : names.engineUuid(this.engine),
      status: statusText(this.status),
      stdout: this.output?.stdout ?? "",
      stderr: this.output?.stderr ?? "",
      display: this.output?.display ?? [],
      executeResult: this.output?.result ?? null,
      outputReady: !this.isOpen && this.output?.isComplete !== false,
      error,
      after: dependencyIds(asked.after),
      follow: dependencyIds(asked.follow),
      priority: asked.priority ?? 0,
      tries: this.tries,
    };
  }
}

/** A task's id in the cluster. */
export function msgIdOf(task: TaskState, names: Pick<TaskNames, "msgId">): string {
  return task.route.msgIdOf?.(task) ?? names.msgId(task.n);
}

function statusText(status: number): TaskMetadata["status"] {
  switch (status) {
    case OPEN:
      return "open";
    case STATUS.ok:
      return "ok";
    case STATUS.aborted:
      return "aborted";
    case STATUS.cancelled:
      return "cancelled";
    case STATUS.lost:
      return "lost";
    default:
      return "error";
  }
}

/** How much a task has published in all. */
export type OutputCounts = readonly [stdoutBytes: number, stderrBytes: number, displays: number];

/** Told of each piece of output, with the uuid of the engine that sent it. */
export type OutputListener = (
  kind: "stdout" | "stderr" | "display",
  value: unknown,
  uuid: string | null,
) => void;

/** What a task wrote and showed, as it comes over IOPub. */
export class TaskOutput {
  stdout = "";
  stderr = "";
  readonly #display: unknown[] = [];
  #stdoutBytes = 0;
  #stderrBytes = 0;
  #expected: OutputCounts | undefined;
  /** Peers count nothing: the end of their output is a message of its own. */
  #isIdleExpected = false;
  /** Uuid of the engine that is at this task, as far as it has said. */
  busyAt: string | null = null;
  /** Content of the last `execute_result`. */
  result: unknown;
  readonly #waiting: (() => void)[] = [];
  #listeners: Set<OutputListener> | undefined;

  /** What it showed. */
  get display(): readonly unknown[] {
    return this.#display;
  }

  /** Adds a display that came. */
  show(content: unknown, uuid: string | null = null): void {
    this.#display.push(content);
    this.#tell("display", content, uuid);
    this.#check();
  }

  /** Appends text that came. */
  add(stream: "stdout" | "stderr", text: string, uuid: string | null = null): void {
    if (stream === "stdout") {
      this.stdout += text;
      this.#stdoutBytes += utf8Length(text);
    } else {
      this.stderr += text;
      this.#stderrBytes += utf8Length(text);
    }
    this.#tell(stream, text, uuid);
    this.#check();
  }

  /**
   * What it had said in all, by its record: pieces that were sent while the connection was broken have not come, from the beginning, the middle or the end. Who follows it is told
   * what came neither before nor behind the gap.
   */
  complete(stream: "stdout" | "stderr", whole: string): void {
    const had = this[stream];
    if (whole.length <= had.length) return;
    if (whole.startsWith(had)) return this.add(stream, whole.slice(had.length));
    const missing = missingIn(whole, had);
    this[stream] = whole;
    if (stream === "stdout") this.#stdoutBytes = utf8Length(whole);
    else this.#stderrBytes = utf8Length(whole);
    if (missing !== "") this.#tell(stream, missing, null);
    this.#check();
  }

  /** Calls back with all that comes from now on, until the returned function is called. */
  listen(listener: OutputListener): () => void {
    const listeners = this.#listeners ??= new Set();
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #tell(kind: "stdout" | "stderr" | "display", value: unknown, uuid: string | null): void {
    if (this.#listeners === undefined) return;
    for (const listener of [...this.#listeners]) listener(kind, value, uuid);
  }

  /** Says how much of each there is in all. */
  expect(counts: OutputCounts): void {
    this.#expected = counts;
    this.#check();
  }

  /** A peer will say when there is no more. */
  expectIdle(): void {
    this.#isIdleExpected = true;
  }

  /** The state of an engine while it is at this task: `busy`, and `idle` after the last output. */
  state(state: unknown, uuid: string): void {
    this.busyAt = state === "busy" ? uuid : null;
    if (state === "idle" && this.#isIdleExpected) this.end();
  }

  /** Nothing more is expected. */
  end(): void {
    this.#isIdleExpected = false;
    this.expect([0, 0, 0]);
  }

  /** Whether all that was announced has come. */
  get isComplete(): boolean {
    if (this.#isIdleExpected) return false;
    const [stdout, stderr, displays] = this.#expected ?? [0, 0, 0];
    return this.#stdoutBytes >= stdout && this.#stderrBytes >= stderr && this.#display.length >= displays;
  }

  /** Calls back once, when all has come. */
  whenComplete(callback: () => void): void {
    if (this.isComplete) callback();
    else this.#waiting.push(callback);
  }

  #check(): void {
    if (!this.isComplete) return;
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate is half of four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

/** The one run of text that `had` lacks of `whole`. */
function missingIn(whole: string, had: string): string {
  let begin = 0, end = 0;
  while (begin < had.length && whole[begin] === had[begin]) begin++;
  while (end < had.length - begin && whole.at(-1 - end) === had.at(-1 - end)) end++;
  return whole.slice(begin, whole.length - end);
}
