/**
 * Errors that callers catch. Everything that a cluster can answer instead of a value becomes one of these; our own mistakes are
 * built-in errors (TypeError, RangeError).
 */

import type { By } from "./by.ts";
import type { PostMortem } from "./post_mortem.ts";

/** Which engine an error came from. Empty for errors that the controller made. */
export interface EngineInfo {
  /** Its number. */
  readonly engine_id?: number;
  /** Its uuid. */
  readonly engine_uuid?: string;
  /** The request: `apply` or `execute`. */
  readonly method?: string;
}

/** What all errors of tasks can carry. */
export interface ClusterErrorOptions extends ErrorOptions {
  /** Where it came from. */
  readonly engine?: EngineInfo | undefined;
  /** What is known of the task's end. */
  readonly postMortem?: PostMortem | undefined;
}

/** How a task ended that did not end well: what the errors of tasks have in common. */
export class TaskFailure extends Error {
  /** Where it came from. */
  readonly engine: EngineInfo;
  /** What engine host and scheduler have seen of its end; null where nobody told. */
  readonly postMortem: PostMortem | null;

  /** For the classes below. */
  constructor(message: string, options: ClusterErrorOptions = {}) {
    super(message, options);
    this.engine = options.engine ?? {};
    this.postMortem = options.postMortem ?? null;
  }
}

/** What an error from an engine can carry. */
export interface RemoteErrorOptions extends ClusterErrorOptions {
  /** The stack or traceback on the engine, as text. */
  readonly traceback?: string | undefined;
}

/** An error that a task threw on an engine. `cause` is the error itself, revived, where it could travel. */
export class RemoteError extends TaskFailure {
  /** Its class. */
  override readonly name: string = "RemoteError";
  /** Class name of the error on the engine. */
  readonly ename: string;
  /** Message of the error on the engine. */
  readonly evalue: string;
  /** The stack or traceback on the engine, as text; of our engines with the places in your own files. */
  readonly traceback: string;

  /** Made by the client. */
  constructor(ename: string, evalue: string, options: RemoteErrorOptions = {}) {
    super(`${place(options.engine)}${ename}${evalue === "" ? "" : `: ${evalue}`}`, options);
    this.ename = ename;
    this.evalue = evalue;
    this.traceback = options.traceback ?? "";
  }
}

/** Errors of one call on several engines. */
export class CompositeError extends AggregateError {
  /** Its class. */
  override readonly name = "CompositeError";
  /** In the order of the targets. */
  declare errors: Error[];
  /** The engine of each error, undefined where none ran the task. */
  readonly engines: readonly (number | undefined)[];

  /**
   * Made by the client.
   * @param what the call that failed: `apply on 4 engines`
   */
  constructor(
    what: string,
    failures: readonly { readonly engine?: number | undefined; readonly error: Error }[],
  ) {
    super(failures.map((failure) => failure.error), compositeText(what, failures));
    this.engines = failures.map((failure) => failure.engine);
  }

  /**
   * Throws one of the errors: the first, or that of an engine.
   * @throws RangeError if none came from this engine
   */
  raise(engine?: number): never {
    const error = engine === undefined ? this.errors[0] : this.errors[this.engines.indexOf(engine)];
    if (error !== undefined) throw error;
    const known = this.engines.slice(0, SHOWN_IDS).map((id) => id ?? "none").join(", ");
    throw new RangeError(`No error came from engine ${engine}; the engines of these errors: ${known}`);
  }

  /** Every failure in full, each with its engine and its traceback: the message shows the first few, and shortly. */
  describe(): string {
    return this.errors.map((error, i) => {
      const engine = this.engines[i];
      return `[${engine === undefined ? "no engine" : `engine ${engine}`}] ${
        error.stack ?? `${error.name}: ${error.message}`
      }`;
    }).join("\n\n");
  }
}

/** The engine died while it had the task. The message says whether the task may have run. */
export class EngineError extends TaskFailure {
  /** Its class. */
  override readonly name = "EngineError";
}

/** The task was aborted before it ran. */
export class TaskAborted extends TaskFailure {
  /** Its class. */
  override readonly name = "TaskAborted";

  /** Made by the client. */
  constructor(message = "Aborted before it ran", options?: ClusterErrorOptions) {
    super(message, options);
  }
}

/** The task was cancelled, in any state. The message says by whom and why. */
export class TaskCancelled extends TaskFailure {
  /** Its class. */
  override readonly name = "TaskCancelled";
  /** Who stopped it, and why, in their own words; null where nobody told. */
  readonly by: By | null;

  /** Made by the client. */
  constructor(message = "Cancelled", options: ClusterErrorOptions & { readonly by?: By | undefined } = {}) {
    super(message, options);
    this.by = options.by ?? options.postMortem?.by ?? null;
  }
}

/** The task waited for an engine longer than its `timeout`. */
export class TaskTimeout extends TaskFailure {
  /** Its class. */
  override readonly name = "TaskTimeout";

  /** Made by the client. */
  constructor(message = "Waited for an engine longer than its timeout", options?: ClusterErrorOptions) {
    super(message, options);
  }
}

/** A limit and what was measured against it. Units are those of the limit's name in the options (ms, MB, bytes). */
export interface Limit {
  /** `run time`, `deadline`, `cpu`, `memory`, `output`, `result`. */
  readonly limit: string;
  /** What was measured. */
  readonly value: number;
  /** What was allowed. */
  readonly max: number;
}

/** The task was stopped because it exceeded a limit, as measured from outside. */
export class LimitExceeded extends TaskFailure {
  /** Its class. */
  override readonly name = "LimitExceeded";
  /** `run time`, `deadline`, `cpu`, `memory`, `output`, `result`. */
  readonly limit: string;
  /** What was measured. */
  readonly value: number;
  /** What was allowed. */
  readonly max: number;

  /** Made by the client. */
  constructor(limit: Limit, message?: string, options: ClusterErrorOptions = {}) {
    super(message ?? `Exceeded the limit of ${limit.limit}: ${limit.value} of at most ${limit.max}`, options);
    this.limit = limit.limit;
    this.value = limit.value;
    this.max = limit.max;
  }
}

/** What was refused, by whom. The value is empty where it is everything of its kind. */
export interface DeniedPermission {
  /** `read`, `write`, `net`, `env`, `run`, `sys`, `import`, `ffi`; `permissions` for a named set, `isolation`. */
  readonly permission: string;
  /** A path, a host, a name. */
  readonly value: string;
  /** Who refused it: `the scheduler`, `engine 3`, `the controller's policy`. */
  readonly where: string;
}

/** What a PermissionDenied can carry. */
export interface PermissionDeniedOptions extends ClusterErrorOptions {
  /** Who refused what before the task ran. */
  readonly denied?: DeniedPermission | undefined;
}

/** The task did what its permissions do not allow, or asked for permissions that nobody grants. */
export class PermissionDenied extends TaskFailure {
  /** Its class. */
  override readonly name = "PermissionDenied";
  /** `read`, `write`, `net`, `env`, `run`, `ffi`, `sys`, `import`; undefined if it is not known. */
  readonly permission: string | undefined;
  /** What was asked for, as the runtime or the request names it: a path, a host; undefined if it is not known. */
  readonly value: string | undefined;
  /** Who refused it before the task ran; undefined where the runtime did while it ran. */
  readonly where: string | undefined;

  /** Made by the client. */
  constructor(message: string, options: PermissionDeniedOptions = {}) {
    super(
      message.replace(
        /, run again with the --allow-\S+ flag/,
        ": tasks hold no permission that was not granted",
      ),
      options,
    );
    const found = /[Rr]equires (\w+) access(?: to (.*?))?(?:, run again|$)/m.exec(message);
    const { denied } = options;
    this.permission = denied?.permission ?? found?.[1];
    this.value = denied?.value ?? found?.[2]?.replace(/^"(.*)"$/, "$1");
    this.where = denied?.where;
  }
}

/** What was pushed to the engine before is gone: its process was replaced. */
export class NamespaceLost extends TaskFailure {
  /** Its class. */
  override readonly name = "NamespaceLost";
}

/** Thrown by a task that cannot run on this engine: the scheduler tries another one. */
export class UnmetDependency extends TaskFailure {
  /** Its class. */
  override readonly name = "UnmetDependency";
}

/** The task can never run: what it waits for ended in another way than it asks for, or no engine is left for it. */
export class ImpossibleDependency extends TaskFailure {
  /** Its class. */
  override readonly name = "ImpossibleDependency";
}

/** The task waits for a task that the scheduler does not know. */
export class InvalidDependency extends TaskFailure {
  /** Its class. */
  override readonly name = "InvalidDependency";
}

/** Nothing is known of a task: its id is wrong, or its record was purged. The hub's word for it is KeyError. */
export class UnknownTask extends RemoteError {
  /** Its class. */
  override readonly name = "UnknownTask";
  /** Of the task that nobody knows. */
  readonly msgId: string;

  /** Made by the client. */
  constructor(msgId: string, message: string, options?: RemoteErrorOptions) {
    super("KeyError", message, options);
    this.message = message;
    this.msgId = msgId;
  }
}

/** There are no engines to do this. */
export class NoEnginesRegistered extends Error {
  /** Its class. */
  override readonly name = "NoEnginesRegistered";

  /** Made by the client. */
  constructor(message = "No engines are registered", options?: ErrorOptions) {
    super(message, options);
  }
}

/** Where a function's text uses a name that nobody is known to have. Counted from 1. */
export interface NamePlace {
  /** The name. */
  readonly variable: string;
  /** Line of the function's text. */
  readonly line: number;
  /** Column of that line. */
  readonly column: number;
}

/** A function uses a name that it would not find on an engine: it is sent nowhere. */
export class UnresolvedName extends TypeError implements NamePlace {
  /** Its class. */
  override readonly name = "UnresolvedName";
  /** The name. */
  readonly variable: string;
  /** Line of the function's text. */
  readonly line: number;
  /** Column of that line. */
  readonly column: number;

  /** Made by the client. */
  constructor(message: string, { variable, line, column }: NamePlace) {
    super(message);
    this.variable = variable;
    this.line = line;
    this.column = column;
  }
}

/** What is wrong at one place of a value. */
export interface SchemaIssue {
  /** In words, by the schema. */
  readonly message: string;
  /** Keys that lead there, from the list of arguments or the result on. */
  readonly path: readonly PropertyKey[];
}

/** Arguments or a result of a task are not what its schema asks for. */
export class SchemaError extends TypeError {
  /** Its class. */
  override readonly name = "SchemaError";
  /** All that is wrong, place by place. */
  readonly issues: readonly SchemaIssue[];

  /** Made by the client. */
  constructor(message: string, issues: readonly SchemaIssue[]) {
    super(message);
    this.issues = issues;
  }
}

/** The controller is gone, or cannot be reached any more. What was awaited ends with it; tasks that were open may have run. */
export class ControllerGone extends Error {
  /** Its class. */
  override readonly name = "ControllerGone";
  /** Of the hub's socket. */
  readonly address: string;
  /** Since when nothing was heard of it, in ms since 1970. */
  readonly since: number;
  /** What is said of it. */
  readonly how: string;

  /**
   * Made by the client.
   * @param how `is gone: it has not answered` or the like
   */
  constructor(address: string, how: string, since: number, options?: ErrorOptions) {
    const at = new Date(since).toISOString();
    super(
      `The controller at "${address}" ${how} since ${at}. Tasks that were open may have run. Start it again and connect anew: with its records ` +
        `client.result(msgId) has what had ended, and with --restore it keeps its address and engines`,
      options,
    );
    this.address = address;
    this.since = since;
    this.how = how;
  }
}

/** A connection file cannot be used. The message says why and what to do. */
export class ConnectionFileError extends Error {
  /** Its class. */
  override readonly name = "ConnectionFileError";
  /** Where it was looked for. */
  readonly path: string;
  /** What is wrong with it. */
  readonly kind: "missing" | "unreadable" | "wrong role" | "incomplete";

  /** Made by the client. */
  constructor(path: string, kind: ConnectionFileError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
    this.kind = kind;
  }
}

/** Why received frames are no message. */
export type BadMessageKind =
  | "no delimiter"
  | "too few frames"
  | "bad signature"
  | "duplicate"
  | "not readable"
  | "bad header"
  | "version";

/** Received frames that are no message for us. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
  readonly kind: BadMessageKind;

  constructor(kind: BadMessageKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** An error as a reply's content or a result's body states it. */
export interface ErrorDescription {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback?: readonly string[] | string;
  /** The revived error (or other thrown value) of a task. */
  readonly error?: unknown;
  readonly engine_info?: EngineInfo;
  /** Which limit the engine host measured to be exceeded. */
  readonly limit?: Limit;
  /** Which permission scheduler, engine or policy refused before the task ran. */
  readonly denied?: DeniedPermission;
  /** What else is known, as in a result's tail. */
  readonly postMortem?: PostMortem | undefined;
}

type Maker = (message: string, options: ClusterErrorOptions) => Error;

/** What only the system may say, by `ename`. */
const SYSTEM: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["EngineError", (message, options) => new EngineError(message, options)],
  ["TaskAborted", (message, options) => new TaskAborted(message, options)],
  ["TaskCancelled", (message, options) => new TaskCancelled(message, options)],
  ["TaskTimeout", (message, options) => new TaskTimeout(message, options)],
  ["NamespaceLost", (message, options) => new NamespaceLost(message, options)],
  ["ImpossibleDependency", (message, options) => new ImpossibleDependency(message, options)],
  ["InvalidDependency", (message, options) => new InvalidDependency(message, options)],
  ["NoEnginesRegistered", (message, options) => new NoEnginesRegistered(message, options)],
]);

/** What a task may bring about itself. */
const TASK: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["UnmetDependency", (message, options) => new UnmetDependency(message, options)],
  ["PermissionDenied", (message, options) => new PermissionDenied(message, options)],
  ["NotCapable", (message, options) => new PermissionDenied(message, options)],
]);

/** The runtime's loader says of a module that may not be fetched or read that its type is wrong. */
const LOADERS = /^Requires \w+ access to .*, run again with the --allow-\S+ flag/;

/**
 * The error that a caller gets for a failed request.
 *
 * A task can throw an error with any name. One that calls itself a limit, a cancellation or a dead engine is still only
 * the task's: it becomes a RemoteError.
 * @param byTask whether a task threw it; default: whether it carries a thrown value
 */
export function errorFromContent(content: ErrorDescription, byTask?: boolean): Error {
  const { ename, evalue, engine_info: engine, postMortem } = content;
  const thrown = byTask ?? ("error" in content);
  if (content.limit !== undefined) {
    return new LimitExceeded(content.limit, evalue || undefined, { engine, postMortem });
  }
  const options = "error" in content ? { engine, postMortem, cause: content.error } : { engine, postMortem };
  if (!thrown && content.denied !== undefined) {
    return new PermissionDenied(evalue, { engine, postMortem, denied: content.denied });
  }
  if (ename === "TypeError" && LOADERS.test(evalue)) return new PermissionDenied(evalue, options);
  const make = TASK.get(ename) ?? (thrown ? undefined : SYSTEM.get(ename));
  if (make !== undefined) return make(evalue, options);
  const { traceback = "" } = content;
  return new RemoteError(ename, evalue, {
    ...options,
    traceback: typeof traceback === "string" ? traceback : traceback.join("\n"),
  });
}

const MAX_LINES = 1000;

/** The texts of a list that came from a task, as many as an error has lines: it may be sparse, or hold anything. */
export function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.slice(0, MAX_LINES).filter((line) => typeof line === "string") : [];
}

function place(engine: EngineInfo | undefined): string {
  if (engine?.engine_id === undefined) return "";
  return `[engine ${engine.engine_id}${engine.method === undefined ? "" : `, ${engine.method}`}] `;
}

/** Errors that a message shows one by one, and how much of each. */
const SHOWN = 6;
const SHOWN_TEXT = 1000;
/** Engines that a message names. */
const SHOWN_IDS = 20;

function compositeText(
  what: string,
  failures: readonly { readonly engine?: number | undefined; readonly error: Error }[],
): string {
  const lines = failures.slice(0, SHOWN).map(({ engine, error }) => {
    const text = error instanceof RemoteError
      ? `${error.ename}: ${error.evalue}`
      : `${error.name}: ${error.message}`;
    const short = text.length > SHOWN_TEXT
      ? `${text.slice(0, SHOWN_TEXT)}… (${text.length} characters)`
      : text;
    return `  [${engine === undefined ? "no engine" : `engine ${engine}`}] ${short}`;
  });
  if (failures.length > SHOWN) lines.push(`  and ${failures.length - SHOWN} more`);
  return `${what}: ${failures.length} ${failures.length === 1 ? "error" : "errors"}\n${lines.join("\n")}`;
}
