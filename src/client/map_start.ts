/**
 * How views begin a map: what was given is checked once, then `MapResult` takes over.
 */
import { OP } from "../protocol/groups.ts";
import { UncodableValue } from "../protocol/values_path.ts";
import type { Dictionary } from "../protocol/frames.ts";
import { throwIfAborted } from "./async_result.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { Connection } from "./connection.ts";
import type { EncodeOptions } from "./group_paths.ts";
import { definitionOf, mapperOf, type Runnable } from "./functions.ts";
import { MapResult } from "./map.ts";
import type { MapOptions, MapPlan } from "./map_plan.ts";
import { isIterable, itemSource } from "./map_source.ts";
import type { Engine } from "./engines.ts";
import { checkedNames, checkMessage } from "./languages.ts";
import { type EncodedTask, TaskPath } from "./path.ts";
import { chunkRequest, referenceRequest } from "./peer_messages.ts";
import { peerFormOf } from "./peer_forms.ts";
import type { PeerPath } from "./peer_path.ts";
import type { Scope } from "./scope.ts";
import { argsFor, ownerFor } from "./task_checks.ts";
import { TaskState } from "./task_state.ts";
import type { Asked } from "./asked.ts";
import type { ViewOptions } from "./view_options.ts";

/** Tasks of a map that are under way, unless it says otherwise. */
export const WINDOW = 4096;

/** What a view gives to a map. */
export interface MapView {
  readonly connection: Connection;
  readonly options: ViewOptions & Asked;
  /** The view's, which refuses a map once it was left. */
  readonly scope: Scope;
  /** The options in a group, and in a message. */
  readonly tail: Uint8Array | null;
  readonly metadata: Dictionary;
  /** The engines among its targets that take messages, and whether there are others. */
  readonly peers: readonly Engine[];
  readonly hasOurs: boolean;
  /** The way that the next task takes. */
  readonly nextPath: () => TaskPath | PeerPath;
  /** Bounds the bytes of the arguments that are under way. */
  readonly budget?: ByteBudget | undefined;
  readonly onLeave?: "cancel" | undefined;
}

/** How a map goes over its items, whatever view it is of. */
export type MapCourse =
  & Pick<MapPlan, "source" | "signal">
  & Partial<Pick<MapPlan, "chunkSize" | "ordered" | "window" | "concurrency" | "keepsGoing" | "onFail">>;

/**
 * Starts a map over the iterables in `rest`, whose last entry may be options.
 * @throws TypeError if there is nothing to iterate or the function cannot be sent; RangeError for options out of range
 */
export function startMap<R>(
  view: MapView,
  run: Runnable<never[], unknown>,
  rest: readonly unknown[],
): MapResult<R> {
  const { iterables, options } = divided(rest);
  const { chunkSize = 1, ordered = true, window = WINDOW, signal = view.options.signal } = options;
  checkCount("chunkSize", chunkSize);
  checkCount("window", window);
  throwIfAborted(signal);
  const source = () => itemSource(iterables);
  return mapOver<R>(view, run, source, { chunkSize, ordered, window, signal });
}

/**
 * Starts a map over a source, which is made once all else is known to be right.
 * @throws TypeError if the function cannot be sent
 */
export function mapOver<R>(
  view: MapView,
  run: Runnable<never[], unknown>,
  source: () => MapPlan["source"],
  course: Omit<MapCourse, "source">,
): MapResult<R> {
  const { connection, tail, metadata, budget, scope } = view;
  scope.check();
  const { chunkSize = 1 } = course;
  connection.check();
  if (view.options.transfer !== undefined) {
    throw new TypeError('Cannot map with "transfer": it belongs to one call, of apply or push');
  }
  if (view.peers.length > 0 || !view.hasOurs) {
    checkMessage(connection, view.peers, run, view.options);
  }
  const definition = view.hasOurs
    ? checkedNames(connection, chunkSize === 1 ? definitionOf(run) : mapperOf(run))
    : null;
  const form = peerFormOf(run);
  let path = view.nextPath();
  return new MapResult<R>({
    ordered: true,
    window: WINDOW,
    ...course,
    source: source(),
    chunkSize,
    names: connection,
    scope: view.options.detached === true ? connection.detached : scope,
    onLeave: view.onLeave,
    isCrowded: () => path.load.waiting > 0 || budget?.isSpent === true,
    asked: view.options,
    submit: (map, index, items) => {
      const args = chunkSize === 1
        ? argsFor(run, items)
        : items.map((item) => argsFor(run, item as unknown[]));
      path = view.nextPath();
      const owner = ownerFor(run, budget?.ownerFor(map) ?? map, chunkSize > 1);
      const task = new TaskState(owner, index, path, view.options.label);
      if (path instanceof TaskPath) {
        const encoded = encodedItem(connection, args, { definition, tail, root: "args" }, index * chunkSize);
        budget?.spend(task, encoded.body.length, encoded.buffers);
        path.submit(task, encoded);
      } else if (form !== undefined) {
        const plain = connection.values.plain(args) as unknown[];
        const request = chunkSize === 1
          ? referenceRequest(form.reference, [...form.given, ...plain])
          : chunkRequest(form, plain);
        budget?.spend(task, 0, request.buffers);
        path.submit(task, request, metadata);
      }
      return task;
    },
  });
}

/** The error of an item that cannot be sent names it. */
function encodedItem(
  connection: Connection,
  args: unknown[],
  options: EncodeOptions,
  first: number,
): EncodedTask {
  try {
    return connection.encode(OP.apply, args, options);
  } catch (error) {
    if (!(error instanceof UncodableValue)) throw error;
    const { path, reason, cause } = error;
    throw new UncodableValue(`${path} of the task that begins with item ${first}`, reason, { cause });
  }
}

function divided(rest: readonly unknown[]) {
  const iterables = rest.filter(isIterable);
  const last = rest.at(-1);
  const options = isIterable(last) ? undefined : last;
  const expected = iterables.length + (options === undefined ? 0 : 1);
  if (iterables.length === 0 || rest.filter((one) => one !== undefined).length !== expected) {
    throw new TypeError(
      "Cannot map: pass a function, then one or more iterables (no text), then perhaps options",
    );
  }
  return { iterables, options: (options ?? {}) as MapOptions };
}

/** @throws RangeError naming the option */
export function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`Cannot use ${value} for "${name}": it takes a whole number of 1 or more`);
  }
}
