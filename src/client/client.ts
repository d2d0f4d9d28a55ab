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
import { type BroadcastOptions, type BroadcastTargets, BroadcastView } from "./broadcast_view.ts";
import { Connection } from "./connection.ts";
import { DirectView } from "./direct_view.ts";
import { shutdownEngines, type ShutdownOptions } from "./engine_control.ts";
import { type ClusterPlace, findConnection } from "./find_connection.ts";
import * as hub from "./hub_queries.ts";
import { type Graph, type GraphNode, startGraph } from "./graph.ts";
import { hubResult, type Resubmitted, resubmitted } from "./hub_results.ts";
import { LoadBalancedView } from "./load_balanced_view.ts";
import { recordPages, type TasksOptions } from "./record_pages.ts";
import type { Ref } from "./ref.ts";
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
  /** How long the controller may be silent while something is awaited, until all that ends with ControllerGone. One that comes back before is reconnected to. Default 30,000. */
  readonly controllerTimeoutMs?: number | undefined;
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
const CONTROLLER_TIMEOUT_MS = 30_000;
const MAX_RESULT_BYTES = 2 ** 32;

/** A connection to a cluster. `client[3]` is the view on engine 3. Close it, best with `await using`. */
export class Client {
  /** The view on the engine of this number: `client.direct(3)`. */
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
      controllerTimeoutMs = CONTROLLER_TIMEOUT_MS,
    } = options;
    if (!(controllerTimeoutMs >= 1)) {
      throw new RangeError(`Cannot use ${controllerTimeoutMs} for "controllerTimeoutMs": it takes 1 or more`);
    }
    const open = {
      controllerTimeoutMs,
      timeoutMs,
      username,
      pid: undefined,
      maxResultBytes,
      signal,
      curveSecretKey,
    };
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
  /** Several engines, default all: calls give arrays in their order. @throws RangeError for an unknown id */
  direct(targets?: Exclude<Targets, number | "any">, options?: ViewOptions): DirectView<"all">;
  direct(targets: Targets = "all", options: ViewOptions = {}): DirectView<Shape> {
    if (typeof targets === "number") checkIds(this.#connection.engines, [targets]);
    else if (Array.isArray(targets)) checkIds(this.#connection.engines, targets);
    const shape = typeof targets === "number" || targets === "any" ? "one" : "all";
    return new DirectView<Shape>(this.#connection, targets, shape, options);
  }

  /**
   * A view whose calls are one request for several engines; see `BroadcastView`.
   * @throws RangeError for an unknown id
   */
  broadcast(targets: BroadcastTargets = "all", options: BroadcastOptions = {}): BroadcastView {
    if (Array.isArray(targets)) checkIds(this.#connection.engines, targets);
    return new BroadcastView(this.#connection, targets, options);
  }

  /**
   * A view whose tasks go wherever there is room.
   * @param options what is asked for all of its tasks; `with` makes narrower views
   * @throws RangeError for an unknown engine or a value out of range; TypeError for an option that cannot be read
   */
  loadBalanced(options: BalancedOptions = {}): LoadBalancedView {
    return new LoadBalancedView(this.#connection, options);
  }

  /**
   * Starts a graph of named tasks, each after those that it names: `client.graph({ a: { run: f }, b: { run: g, after: ["a"] } })`.
   * @param nodes the tasks by their names
   * @param options what is asked for all of them
   * @throws TypeError for an unknown name or a cycle, before anything is sent
   */
  graph<const N extends Readonly<Record<string, GraphNode>>>(
    nodes: N,
    options: BalancedOptions = {},
  ): Graph<N> {
    return startGraph(this.loadBalanced(options), nodes);
  }

  /**
   * Sends a value that many tasks use to the cluster, once; the ref that it gives stands for it in what is sent: `view.apply(f, ref)`. Each engine process
   * gets it when a task first needs it, each task a copy. Equal values are kept once.
   * @throws UncodableValue
   */
  async put<T>(value: T): Promise<Ref<T>> {
    this.#connection.check();
    return await this.#connection.values.put(value);
  }

  /**
   * Waits until so many engines are registered.
   * @param count default 1
   * @returns the ids of all that are registered, ascending
   * @throws RangeError for a count that is none; the signal's reason; DOMException TimeoutError naming how many there are
   */
  waitForEngines(count = 1, options: WaitOptions = {}): Promise<readonly number[]> {
    return waitForEngines(this.#connection, count, options);
  }

  /**
   * Refuses tasks that have not started: those of these results, or of these msg_ids. They end with TaskAborted.
   * @throws RangeError for a msg_id of another client
   */
  abort(...tasks: StopReference[]): void {
    stopTasks(this.#connection, tasks, "abort");
  }

  /**
   * Stops tasks in any state, also those of other clients by their msg_ids. Each ends with TaskCancelled, which says who stopped it and why.
   * @param options.why the reason, which error and record will tell
   * @returns for each msg_id what came of it: `cancelled`, `cancelling` (an engine was told), `already finished`, `already cancelled`, `not known` …
   * @throws TypeError for another client's task if the controller is Python's
   */
  cancel(
    tasks: StopReference | readonly StopReference[],
    options: CancelOptions = {},
  ): Promise<Readonly<Record<string, string>>> {
    return cancelTasks(this.#connection, Array.isArray(tasks) ? tasks : [tasks as StopReference], options);
  }

  /**
   * How many tasks wait or run, by engine; with `verbose` their msg_ids.
   * @throws DOMException TimeoutError if the hub does not answer, as all below
   */
  queueStatus(options: hub.QueueOptions = {}): Promise<hub.QueueStatus> {
    return hub.queueStatus(this.#connection, options);
  }

  /**
   * The result of any task of the cluster by its msg_id, or of several, from the hub's records: another client's, an earlier one's, running or finished. A
   * Python value that cannot be read without Python comes as the list of its buffers. With a time or a signal the result is an error when it is over; the
   * tasks go on. An id that nobody knows makes it an UnknownTask.
   */
  result(msgId: string, options?: WaitOptions): AsyncResult<unknown>;
  /** The results of several tasks, in order. */
  result(msgIds: readonly string[], options?: WaitOptions): AsyncResult<unknown, "all">;
  result(ids: string | readonly string[], options: WaitOptions = {}): AsyncResult<unknown, Shape> {
    return Array.isArray(ids)
      ? hubResult(this.#connection, ids, "all", options)
      : hubResult(this.#connection, [ids as string], "one", options);
  }

  /**
   * Which of these tasks are through.
   * @throws RemoteError for an unknown id
   */
  resultStatus(msgIds: readonly string[], options: RequestOptions = {}): Promise<hub.ResultStatus> {
    return hub.resultStatus(this.#connection, msgIds, options);
  }

  /** msg_ids of all tasks that the hub has records of, in the order of their submission. */
  history(options: RequestOptions = {}): Promise<readonly string[]> {
    return hub.history(this.#connection, options);
  }

  /**
   * Records of tasks that meet a query: `client.query({ completed: null }, ["submitted", "label"])`.
   * @param conditions a value for equality, or an operator: `{ submitted: { $gt: "2026-01-01T00:00:00Z" }, label: { $in: ["a", "b"] } }`
   * @param keys which fields; default all
   * @returns at most 100,000; `tasks` gives any number
   * @throws RemoteError for an unknown field or operator
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
   * @param conditions as of `query`; default all records
   * @param keys which fields; default all
   * @throws RangeError for a page size below 1 or above 100,000; RemoteError for an unknown field or operator
   */
  tasks(
    conditions: Dictionary = {},
    keys: readonly string[] | null = null,
    options: TasksOptions = {},
  ): AsyncIterableIterator<hub.TaskRecord> {
    return recordPages(this.#connection, conditions, keys, options);
  }

  /**
   * Drops records: `{ msgIds: "all" }` all finished ones, or those of msg_ids or engines.
   * @throws RemoteError for an unknown engine, or a task that has not ended
   */
  purge(what: hub.PurgeSelection, options: RequestOptions = {}): Promise<void> {
    return hub.purge(this.#connection, what, options);
  }

  /**
   * Submits tasks again, as the hub has them, with their results at hand as `result`, in the order of `msgIds`.
   * @throws RemoteError for an unknown id
   */
  resubmit(
    msgIds: readonly string[],
    options: RequestOptions & { readonly results: true },
  ): Promise<Resubmitted>;
  /**
   * Submits tasks again, as the hub has them; gives the new msg_id of each by the one before. Their results are in the records: `client.result(newId)`.
   * @throws RemoteError for an unknown id
   */
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
   * @throws RangeError for an unknown id; DOMException TimeoutError if one does not answer
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
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

  /**
   * Closes the sockets. What is still awaited is rejected; tasks that were sent go on in the cluster, and any client has their results by `client.result(msgId)`.
   * To cancel them leave the client's scope (`await using client = …`). Harmless twice.
   */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Leaves the client's scope: cancels the tasks that were submitted through it and are open, unless they are `detached`, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.leave();
    await this.close();
  }
}

/** Lets `client[3]` stand for `client.direct(3)`. */
function indexed(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) return target.direct(Number(name));
      // V8 13.6 (Node 24) does not take a bound function for what it is here.
      if (name === Symbol.asyncDispose) return () => target[Symbol.asyncDispose]();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

// The library's one door: what users name in their own code.
export { Ref } from "./ref.ts";
export { Reference } from "./reference.ts";
export { depend, require } from "./dependent.ts";
export { task } from "./task.ts";
export { AsyncResult } from "./async_result.ts";
export { ResultGroup } from "./result_group.ts";
export { ResultPart } from "./result_part.ts";
export { MapResult } from "./map.ts";
export { ValueStream } from "./value_stream.ts";
export { BroadcastView, DirectView, LoadBalancedView, NoEnginesRegistered };
export {
  CompositeError,
  ConnectionFileError,
  ControllerGone,
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
  TaskFailure,
  TaskTimeout,
  UnknownTask,
  UnmetDependency,
  UnresolvedName,
} from "../protocol/errors.ts";
export { ModuleError } from "../protocol/module_error.ts";
export type * from "./public_types.ts";
