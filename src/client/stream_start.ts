/**
 * How views begin a stream: what was given is checked once, then `ValueStream` takes over.
 */
import { throwIfAborted } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import { exportOf, streamerOf } from "./functions.ts";
import { checkedNames } from "./languages.ts";
import type { Scope } from "./scope.ts";
import { checkedValue } from "./standard_schema.ts";
import { askedOf, type Runnable, type Task } from "./task.ts";
import { argsFor } from "./task_checks.ts";
import { type ValueStream, valueStream } from "./value_stream.ts";
import { type BalancedOptions, tailOf } from "./view_options.ts";

/** What functions can give to be streamed. */
export type Streamable = AsyncIterable<unknown> | Iterable<unknown>;

/** The values of what a function gives. */
export type YieldOf<R> = Awaited<R> extends AsyncIterable<infer T> ? T
  : Awaited<R> extends Iterable<infer T> ? T
  : unknown;

/** What the generator returns at its end. */
export type ReturnOf<R> = Awaited<R> extends AsyncGenerator<unknown, infer T> ? T
  : Awaited<R> extends Generator<unknown, infer T> ? T
  : unknown;

/** What a view gives to a stream. */
export interface StreamView {
  readonly connection: Connection;
  readonly options: BalancedOptions;
  /** The view's, which ends the stream when it is left. */
  readonly scope: Scope;
  /** The engine, where the view names it; null: the scheduler chooses. */
  readonly engine: Engine | null;
  readonly openTail: Uint8Array | null;
}

/** A batch ends with so many bytes. */
const MAX_BYTES = 1 << 20;
const GRACE_MS = 1000;

/**
 * @throws TypeError if the function cannot be sent, or each task has a process or Worker of its own; UnresolvedName, SchemaError
 */
export function startStream<T, R>(
  { connection, options, scope, engine, openTail }: StreamView,
  run: Runnable<never[], unknown>,
  args: unknown[],
): ValueStream<T, R> {
  const { label, limits, permissions, isolation, cancelGraceMs, signal } = options;
  throwIfAborted(signal);
  scope.check();
  connection.check();
  if (isolation !== undefined && isolation !== "shared") {
    throw new TypeError(
      `Cannot stream with isolation "${isolation}": a generator lives on between tasks, and each task would have a new ${isolation}; use "shared"`,
    );
  }
  const schema = askedOf(run)?.schema?.result, name = nameOf(run);
  const plan = {
    connection,
    scope: options.detached === true ? connection.detached : scope,
    definition: checkedNames(connection, streamerOf(run)),
    args: argsFor(run, args),
    exported: exportOf(run)?.name,
    name,
    engine,
    openTail,
    tail: tailOf({ label, limits, permissions, isolation, cancelGraceMs }),
    label,
    graceMs: cancelGraceMs ?? GRACE_MS,
    maxBytes: Math.min(MAX_BYTES, (limits?.resultLimitBytes ?? Infinity) / 2),
  };
  const check = schema === undefined ? undefined : (value: unknown) => checkedValue(schema, name, value);
  return valueStream<T, R>(plan, signal, check);
}

/** @throws TypeError if there are several, or it is none of ours */
export function oneEngine(connection: Connection, engines: readonly Engine[]): Engine {
  const [engine, ...others] = engines;
  if (engine === undefined || others.length > 0) {
    throw new TypeError(`Cannot stream from ${others.length + 1} engines: name one, as in client[0]`);
  }
  return engine.isOurs ? engine : refuseStream(connection, [engine]);
}

/** @throws TypeError: these engines have no generators of ours */
export function refuseStream({ speaksGroups }: Connection, engines: readonly Engine[]): never {
  const names = engines.map(({ id }) => id).join(", ");
  throw new TypeError(
    speaksGroups
      ? `Cannot stream from ${
        engines.length === 1 ? `engine ${names}, which runs` : `engines ${names}, which run`
      } Python`
      : "Cannot stream through this controller, which passes on ipyparallel's messages only (Python's ipcontroller)",
  );
}

function nameOf(run: Runnable<never[], unknown>): string {
  return (run as Task<never[], unknown>).name || "a function";
}
