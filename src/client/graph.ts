/**
 * Graphs of tasks: named nodes, each started when those that it names have ended. Everything is checked before anything is sent.
 */
import { CompositeError } from "../protocol/errors.ts";
import type { AsyncResult } from "./async_result.ts";
import type { Runnable } from "./functions.ts";
import type { LoadBalancedView } from "./load_balanced_view.ts";
import type { BalancedOptions } from "./view_options.ts";

/** One task of a graph; `R` is what it gives, awaited. */
export interface GraphNode<R = unknown> {
  /** What it runs. */
  readonly run: Runnable<never[], R | PromiseLike<R>>;
  /** What it is called with. */
  readonly args?: readonly unknown[] | undefined;
  /** Names of the nodes that must have ended before. */
  readonly after?: readonly string[] | undefined;
  /** Names of the nodes where whose engine it is to run. */
  readonly follow?: readonly string[] | undefined;
  /** Of the nodes in `after` and `follow`: wait for all (default) or any; whether success (default) and failure count. */
  readonly when?:
    | { readonly all?: boolean; readonly success?: boolean; readonly failure?: boolean }
    | undefined;
  /** What else is asked for it. */
  readonly options?: Omit<BalancedOptions, "after" | "follow"> | undefined;
}

/** What a node gives. */
export type ValueOf<N> = N extends { readonly run: Runnable<never[], infer R> } ? Awaited<R> : never;

/** A graph that is under way. */
export interface Graph<N> {
  /** The result of each node, by its name. */
  readonly results: { readonly [K in keyof N]: AsyncResult<ValueOf<N[K]>> };
  /** The values by name, once all have ended. Rejects with a CompositeError if some failed. */
  values(): Promise<{ [K in keyof N]: ValueOf<N[K]> }>;
}

type Nodes = Readonly<Record<string, GraphNode>>;

/**
 * Submits the nodes in an order in which each comes after those that it names.
 * @throws TypeError for an unknown name or a cycle, by its names, and no task is sent; what `apply` throws, and those that were sent are cancelled
 */
export function startGraph<const N extends Nodes>(view: LoadBalancedView, nodes: N): Graph<N> {
  const results = new Map<string, AsyncResult<unknown>>();
  try {
    for (const name of orderOf(nodes)) {
      const node = nodes[name];
      if (node !== undefined) results.set(name, submit(view, node, results));
    }
  } catch (error) {
    // A node that cannot be sent: half a graph is of no use to anybody.
    for (const result of results.values()) result.cancel(error);
    throw error;
  }
  const named = Object.keys(nodes).map((name) => [name, results.get(name)] as const);
  return {
    results: Object.fromEntries(named) as Graph<N>["results"],
    values: () => valuesOf(named) as ReturnType<Graph<N>["values"]>,
  };
}

function submit(
  view: LoadBalancedView,
  { run, args = [], after = [], follow = [], when = {}, options = {} }: GraphNode,
  results: ReadonlyMap<string, AsyncResult<unknown>>,
): AsyncResult<unknown> {
  const condition = (names: readonly string[]) => ({
    ids: names.map((name) => results.get(name)).filter((result) => result !== undefined),
    ...when,
  });
  const narrower = view.with({
    ...options,
    ...(after.length > 0 ? { after: condition(after) } : {}),
    ...(follow.length > 0 ? { follow: condition(follow) } : {}),
  });
  return narrower.apply(run, ...args as never[]);
}

async function valuesOf(named: readonly (readonly [string, AsyncResult<unknown> | undefined])[]) {
  const settled = await Promise.allSettled(named.map(([, result]) => result));
  const failures = settled.flatMap((one, i) => {
    if (one.status !== "rejected") return [];
    const error = one.reason instanceof Error ? one.reason : new Error(String(one.reason));
    return [{ error, engine: named[i]?.[1]?.metadata.engineId ?? undefined }];
  });
  if (failures.length > 0) throw new CompositeError(`graph of ${named.length} nodes`, failures);
  return Object.fromEntries(named.map(([name], i) => [name, (settled[i] as { value: unknown }).value]));
}

// ── the order ──────────────────────────────────────────────────────────────────────────────────

/**
 * The names, each after those that it needs; without recursion, as graphs may be deep.
 * @throws TypeError for an unknown name or a cycle
 */
export function orderOf(nodes: Nodes): string[] {
  const order = new Set<string>();
  for (const start of Object.keys(nodes)) visit(nodes, start, order);
  return [...order];
}

function visit(nodes: Nodes, start: string, order: Set<string>): void {
  if (order.has(start)) return;
  const path = new Map([[start, needsOf(nodes, start).values()]]);
  const names = [start];
  for (let name = names.at(-1); name !== undefined; name = names.at(-1)) {
    const { done, value } = path.get(name)!.next();
    if (done === true) {
      order.add(name);
      path.delete(name);
      names.pop();
    } else if (path.has(value)) throw cycle([...names.slice(names.indexOf(value)), value]);
    else if (!order.has(value)) {
      path.set(value, needsOf(nodes, value).values());
      names.push(value);
    }
  }
}

function needsOf(nodes: Nodes, name: string): readonly string[] {
  const { after = [], follow = [] } = nodes[name] ?? {};
  const needs = [...after, ...follow];
  for (const need of needs) {
    if (!Object.hasOwn(nodes, need)) {
      throw new TypeError(
        `Cannot start the graph: node "${name}" waits for "${need}", which is no node of it`,
      );
    }
  }
  return needs;
}

function cycle(names: readonly string[]): TypeError {
  const text = names.map((name) => `"${name}"`).join(" waits for ");
  return new TypeError(`Cannot start the graph: it has a cycle: ${text}`);
}
