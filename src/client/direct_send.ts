/**
 * A direct request on its way to its engines: to ours in groups, to Python's as messages.
 */
import { OP } from "../protocol/groups.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import type { Definition } from "./functions.ts";
import { messageFor } from "./languages.ts";
import type { EncodedTask } from "./path.ts";
import type { PeerRequest } from "./peer_messages.ts";
import { type TaskOwner, TaskState } from "./task_state.ts";
import type { ViewOptions } from "./view_options.ts";

/** What is asked. */
export interface DirectRequest {
  readonly op: number;
  readonly root: string;
  readonly definition?: () => Definition;
  /** Takes the place of definition and value where arguments are references. */
  readonly call?: (() => { readonly definition: Definition; readonly args: unknown }) | undefined;
  readonly what: string;
  /** Its form for engines that take messages; absent if it has none. */
  readonly message?: ((value: unknown) => PeerRequest) | undefined;
}

/** Of whom, and with which values. */
export interface DirectPlan<R> {
  readonly engines: readonly Engine[];
  readonly valueFor: (i: number) => unknown;
  /** The value is the same for all. */
  readonly isSame?: boolean;
  readonly read?: ((value: unknown) => R) | undefined;
}

/** An AsyncResult, as the sending of its tasks sees it. */
interface Result extends TaskOwner {
  started(task: TaskState): void;
}

interface Sending {
  readonly connection: Connection;
  readonly options: ViewOptions & { readonly tail: Uint8Array | null };
  readonly request: DirectRequest;
  readonly plan: DirectPlan<unknown>;
}

type Send = (result: Result, engine: Engine, i: number) => void;

/**
 * Makes ready what goes to the engines, and gives what sends it.
 * @throws TypeError and UncodableValue for what cannot be sent to one of them: before anything is sent
 */
export function prepare<R>(
  connection: Connection,
  options: ViewOptions & { readonly tail: Uint8Array | null },
  request: DirectRequest,
  plan: DirectPlan<R>,
): (result: Result) => void {
  const { engines } = plan;
  const sending = { connection, options, request, plan };
  const peers = engines.filter(({ isOurs }) => !isOurs);
  const toPeer = peers.length === 0 ? undefined : messages(sending, peers);
  const toOurs = peers.length === engines.length ? undefined : groups(sending);
  return (result) => engines.forEach((engine, i) => (engine.isOurs ? toOurs : toPeer)?.(result, engine, i));
}

function messages({ connection, options, request, plan }: Sending, peers: readonly Engine[]): Send {
  const { label, limits } = options;
  const { message } = request;
  const formFor = (i: number) =>
    messageFor(connection, peers, message && (() => message(plan.valueFor(i))), limits);
  const [first] = peers;
  const at = plan.engines.findIndex((engine) => engine === first);
  const shared = formFor(at);
  return (result, engine, i) => {
    const path = connection.peers.pathTo(engine);
    const task = new TaskState(result, i, path, label);
    result.started(task);
    path.submit(task, plan.isSame === true || i === at ? shared : formFor(i), { label: label ?? null });
  };
}

function groups({ connection, options, request, plan }: Sending): Send {
  const { op, root } = request;
  const { tail, label } = options;
  const call = request.call?.();
  const definition = call?.definition ?? request.definition?.() ?? null;
  const valueFor = call === undefined ? plan.valueFor : () => call.args;
  const encode = (i: number): EncodedTask => connection.encode(op, valueFor(i), { definition, tail, root });
  const at = plan.engines.findIndex(({ isOurs }) => isOurs);
  let encoded = encode(at);
  return (result, engine, i) => {
    if (i !== at && plan.isSame !== true) encoded = encode(i);
    const path = connection.enginePath(engine);
    const task = new TaskState(result, i, path, label);
    if (op === OP.push) task.writes = "names";
    else if (op === OP.execute) task.writes = "perhaps";
    result.started(task);
    path.submit(task, encoded);
  };
}
