/**
 * The client: what a user holds in hand of a cluster, and the door to the library.
 *
 * ```ts
 * await using client = await Client.connect();
 * await client.waitForEngines(4);
 * const view = client.loadBalanced();
 * console.log(await view.apply((x: number) => x * 2, 21));
 * ```
 */
import { NoEnginesRegistered } from "../protocol/errors.ts";
import type { Dictionary } from "../protocol/frames.ts";
import type { AsyncResult, Shape } from "./async_result.ts";
import { Connection } from "./connection.ts";
import { DirectView } from "./direct_view.ts";
import { shutdownEngines } from "./engine_control.ts";
import { type ClusterPlace, findConnection } from "./find_connection.ts";
import * as hub from "./hub_queries.ts";
import { type Graph, type GraphNode, startGraph } from "./graph.ts";
import { hubResult, type Resubmitted, resubmitted } from "./hub_results.ts";
import { LoadBalancedView } from "./load_balanced_view.ts";
import { recordPages, type TasksOptions } from "./record_pages.ts";
import type { RequestOptions } from "./requests.ts";
import { type CancelOptions, cancelTasks, type StopReference, stopTasks } from "./stop.ts";
import { checkIds, type Targets } from "./targets.ts";
import { transportHere } from "./runtime.ts";
import type { Transport } from "./transport.ts";
import { type TunnelOptions, wayTo } from "./way.ts";
import type { BalancedOptions, ViewOptions } from "./view_options.ts";
import { waitForEngines } from "./wait_for_engines.ts";
import type { WaitOptions } from "./waiting.ts";

/** Which cluster, and how patiently. */
export interface ConnectOptions extends ClusterPlace, TunnelOptions {
  /** For the handshake and later requests to the hub. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Under which name tasks are recorded. */
  readonly username?: string | undefined;
  /** Most bytes of large results under way at once. Default 4 GiB. */
  readonly maxResultBytes?: number | undefined;
  /**
   * The secret key of this client's CURVE pair in Z85, by which a controller that has a policy knows it. Default: IPP_CURVE_SECRETKEY of the
   * environment, else a new pair, which only a controller that asks for none in particular takes.
   */
  readonly curveSecretKey?: string | undefined;
  /** Sockets; default: libzmq under Deno, the `zeromq` package under Node. */
  readonly transport?: Transport | undefined;
}

const TIMEOUT_MS = 10_000;
const MAX_RESULT_BYTES = 2 ** 32;

/** A connection to a cluster. `client[3]` is the view on engine 3. Close it, best with `await using`. */
export class Client {
  readonly [engine: number]: DirectView<"one">;
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Connects to a running cluster.
   * @throws ConnectionFileError if there is no cluster; Error if its controller does not answer
   */
  static async connect(options: ConnectOptions = {}): Promise<Client> {
    const found = await findConnection(options);
    const transport = options.transport ?? await transportHere();
    const { info, broken } = await wayTo(found, transport, options);
    const {
      timeoutMs = TIMEOUT_MS,
      username = "tsparallel",
      maxResultBytes = MAX_RESULT_BYTES,
      signal,
      curveSecretKey,
    } = options;
    const open = { timeoutMs, username, pid: undefined, maxResultBytes, signal, curveSecretKey };
    const connection = await Connection.open(info, transport, open);
    void broken?.then((sentence) => connection.fail(new Error(sentence)));
    return indexed(new Client(connection));
  }

  /** Ids of the registered engines, ascending. */
  get ids(): readonly number[] {
    return this.#connection.engines.ids;
  }

  /** The session of this client: the beginning of its msg_ids. */
  get session(): string {
    return this.#connection.session.session;
  }

  /** How many tasks of this client are open. */
  get pending(): number {
    return this.#connection.pending.count;
  }

  /** The uuid of an engine; null if there never was one of this id. */
  engineUuid(id: number): string | null {
    return this.#connection.engines.uuidOf(id);
  }

  /**
   * A view on engines: a number or "any" for one engine and plain values; a list, "all" or a range `{ from, to, step }` for
   * arrays of values. "all", "any" and ranges are looked up at each call.
   * @throws RangeError for an unknown id
   */
  direct(targets: number | "any", options?: ViewOptions): DirectView<"one">;
  direct(targets?: Exclude<Targets, number | "any">, options?: ViewOptions): DirectView<"all">;
  direct(targets: Targets = "all", options: ViewOptions = {}): DirectView<Shape> {
    if (typeof targets === "number") checkIds(this.#connection.engines, [targets]);
    else if (Array.isArray(targets)) checkIds(this.#connection.engines, targets);
    const shape = typeof targets === "number" || targets === "any" ? "one" : "all";
    return new DirectView<Shape>(this.#connection, targets, shape, options);
  }

  /** A view whose tasks go wherever there is room. */
  loadBalanced(options: BalancedOptions = {}): LoadBalancedView {
    return new LoadBalancedView(this.#connection, options);
  }

  /**
   * Starts a graph of named tasks, each after those that it names: `client.graph({ a: { run: f }, b: { run: g, after: ["a"] } })`.
   * @throws TypeError for an unknown name or a cycle, before anything is sent
   */
  graph<const N extends Readonly<Record<string, GraphNode>>>(
    nodes: N,
    options: BalancedOptions = {},
  ): Graph<N> {
    return startGraph(this.loadBalanced(options), nodes);
  }

  /**
   * Waits until so many engines are registered.
   * @throws DOMException TimeoutError naming how many there are
   */
  waitForEngines(count = 1, options: WaitOptions = {}): Promise<readonly number[]> {
    return waitForEngines(this.#connection, count, options);
  }

  /** Refuses tasks that have not started: those of these results, or of these msg_ids. */
  abort(...tasks: StopReference[]): void {
    stopTasks(this.#connection, tasks, "abort");
  }

  /**
   * Stops tasks in any state, also those of other clients by their msg_ids. Each ends with TaskCancelled, which says who stopped it and why.
   * @returns for each msg_id what came of it: `cancelled`, `cancelling` (an engine was told), `already finished`, `already cancelled`, `not known` …
   */
  cancel(
    tasks: StopReference | readonly StopReference[],
    options: CancelOptions = {},
  ): Promise<Readonly<Record<string, string>>> {
    return cancelTasks(this.#connection, Array.isArray(tasks) ? tasks : [tasks as StopReference], options);
  }

  /** How many tasks wait or run, by engine. */
  queueStatus(options: Parameters<typeof hub.queueStatus>[1] = {}): Promise<hub.QueueStatus> {
    return hub.queueStatus(this.#connection, options);
  }

  /**
   * The result of any task of the cluster by its msg_id, or of several, from the hub's records: another client's, an earlier one's, running or finished. A
   * Python value that cannot be read without Python comes as the list of its buffers. With a time or a signal the result is an error when it is over; the
   * tasks go on. An id that nobody knows makes it an UnknownTask.
   */
  result(msgId: string, options?: WaitOptions): AsyncResult<unknown>;
  result(msgIds: readonly string[], options?: WaitOptions): AsyncResult<unknown, "all">;
  result(ids: string | readonly string[], options: WaitOptions = {}): AsyncResult<unknown, Shape> {
    return Array.isArray(ids)
      ? hubResult(this.#connection, ids, "all", options)
      : hubResult(this.#connection, [ids as string], "one", options);
  }

  /** Which of these tasks are through. */
  resultStatus(msgIds: readonly string[], options: RequestOptions = {}): Promise<hub.ResultStatus> {
    return hub.resultStatus(this.#connection, msgIds, options);
  }

  /** msg_ids of all tasks that the hub has records of. */
  history(options: RequestOptions = {}): Promise<readonly string[]> {
    return hub.history(this.#connection, options);
  }

  /**
   * Records of tasks that meet a query: `client.query({ completed: null }, ["submitted", "label"])`.
   * @param keys which fields; default all
   */
  query(
    conditions: Dictionary,
    keys: readonly string[] | null = null,
    options: RequestOptions = {},
  ): Promise<hub.TaskRecord[]> {
    return hub.query(this.#connection, conditions, keys, options);
  }

  /**
   * The same records one by one, in the order of their submission, got from the hub page by page: `for await (const { msg_id } of client.tasks({ label: "x" }))`.
   * For any number of them.
   */
  tasks(
    conditions: Dictionary = {},
    keys: readonly string[] | null = null,
    options: TasksOptions = {},
  ): AsyncIterableIterator<hub.TaskRecord> {
    return recordPages(this.#connection, conditions, keys, options);
  }

  /** Drops records: `{ msgIds: "all" }` all finished ones, or those of msg_ids or engines. */
  purge(what: Parameters<typeof hub.purge>[1], options: RequestOptions = {}): Promise<void> {
    return hub.purge(this.#connection, what, options);
  }

  /**
   * Submits tasks again; gives the new msg_id of each. Their results are in the records: `client.result(newId)`, or, with `results`, at hand as `result` in
   * the order of `msgIds`.
   */
  resubmit(
    msgIds: readonly string[],
    options: RequestOptions & { readonly results: true },
  ): Promise<Resubmitted>;
  resubmit(msgIds: readonly string[], options?: RequestOptions): Promise<Readonly<Record<string, string>>>;
  resubmit(
    msgIds: readonly string[],
    { results, ...options }: RequestOptions & { readonly results?: true } = {},
  ): Promise<Resubmitted | Readonly<Record<string, string>>> {
    return results === true
      ? resubmitted(this.#connection, msgIds, options)
      : hub.resubmit(this.#connection, msgIds, options);
  }

  /**
   * The controller's state: engines, queues, records, versions.
   * @throws TypeError if the controller is Python's, which does not tell it
   */
  async status(options: RequestOptions = {}): Promise<Dictionary> {
    if (!this.#connection.speaksGroups) {
      throw new TypeError(
        "Cannot ask for the status: Python's ipcontroller does not tell it; use ids and queueStatus",
      );
    }
    return (await this.#connection.request("status_request", {}, options)).content;
  }

  /**
   * Ends engines, and with `hub` the controller too.
   * @param options.targets which engines; default all
   */
  async shutdown(
    options: RequestOptions & {
      readonly hub?: boolean | undefined;
      readonly targets?: readonly number[] | undefined;
    } = {},
  ): Promise<void> {
    const connection = this.#connection, { engines } = connection;
    const { targets = engines.ids } = options;
    checkIds(engines, targets);
    const ended = shutdownEngines(connection, targets.flatMap((id) => engines.get(id) ?? []), options);
    if (options.hub !== true) return await ended;
    // With the controller they end anyway.
    await ended.catch(() => {});
    await connection.request("shutdown_request", {}, options).catch((error) => {
      // The notification to all may overtake the reply.
      if (!connection.wasShutDown) throw error;
    });
  }

  /** Closes the sockets. What is still awaited is rejected; tasks that were sent go on in the cluster. Harmless twice. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Lets `client[3]` stand for `client.direct(3)`. */
function indexed(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) return target.direct(Number(name));
      // V8 13.6 (Node 24) does not take a bound function for what it is here.
      if (name === Symbol.asyncDispose) return () => target.close();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

// The library's one door: what users name in their own code.
export { Reference } from "./reference.ts";
export { task } from "./task.ts";
export { AsyncResult } from "./async_result.ts";
export { ResultGroup } from "./result_group.ts";
export { ResultPart } from "./result_part.ts";
export { MapResult } from "./map.ts";
export { DirectView, LoadBalancedView, NoEnginesRegistered };
export {
  CompositeError,
  ConnectionFileError,
  EngineError,
  ImpossibleDependency,
  InvalidDependency,
  LimitExceeded,
  NamespaceLost,
  PermissionDenied,
  RemoteError,
  SchemaError,
  TaskAborted,
  TaskCancelled,
  TaskTimeout,
  UnknownTask,
  UnmetDependency,
  UnresolvedName,
} from "../protocol/errors.ts";
export type { AskedOptions, Runnable, Task, TaskMaker, TaskOptions } from "./task.ts";
export type { StandardSchema, TaskSchema } from "./standard_schema.ts";
export type { NamePlace, SchemaIssue } from "../protocol/errors.ts";
export type { Graph, GraphNode } from "./graph.ts";
export type { ImapOptions } from "./imap.ts";
export type { Modules } from "./import_modules.ts";
export type { RemoteNames } from "./remote_names.ts";
export type { Distribution } from "./scatter.ts";
export type { ExecuteResult } from "./load_balanced_view.ts";
export type { ResultPlan, Shape, Shaped } from "./async_result.ts";
export type { ResultReading } from "./result_reading.ts";
export type { Resubmitted, TasksOptions };
export type { GroupCounts, GroupMember, GroupOptions, ValuesOf } from "./result_group.ts";
export type { GetOptions } from "./result_get.ts";
export type { OutputKind, OutputPiece, OutputStream } from "./result_output.ts";
export type { Display, ProgressState } from "./progress_display.ts";
export type { InteractiveOptions } from "./result_progress.ts";
export type { Waited, WaitFor, WaitForOptions } from "./result_wait.ts";
export type { MapOptions } from "./map.ts";
export type { AnyIterable } from "./map_source.ts";
export type { TaskMetadata } from "./task_state.ts";
export type { Channel, ChannelOptions, Transport } from "./transport.ts";
export type { PermissionName, PermissionRequest } from "../protocol/permissions.ts";
export type { Isolation } from "../protocol/task_asks.ts";
export type { BalancedOptions, Dependency, TaskLimits, ViewOptions } from "./view_options.ts";
export type { By } from "../protocol/by.ts";
export type { Attempt, DeniedAct, EndedBy, PostMortem } from "../protocol/post_mortem.ts";
export type { CancelOptions, StopReference } from "./stop.ts";
export type { WaitOptions } from "./waiting.ts";
export type { Targets } from "./targets.ts";
