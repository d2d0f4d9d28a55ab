/**
 * What engines can be told beside tasks, over control: signals, interrupts, their end.
 */
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import type { RequestOptions } from "./requests.ts";

/** What is ended. */
export interface ShutdownOptions extends RequestOptions {
  /** True: the controller too. Default false. */
  readonly hub?: boolean | undefined;
  /** Ids of the engines. Default all. */
  readonly targets?: readonly number[] | undefined;
}

/** A request to each of the engines; waits for all answers. @throws the first failure, once all have answered */
async function askEach(
  connection: Connection,
  engines: readonly Engine[],
  type: string,
  content: object,
  options: RequestOptions,
): Promise<void> {
  const asking = engines.map(({ uuid }) => connection.control(uuid, type, content, options));
  const failed = (await Promise.allSettled(asking)).find((reply) => reply.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Ends the engines. */
export function shutdownEngines(
  connection: Connection,
  engines: readonly Engine[],
  options: RequestOptions,
): Promise<void> {
  return askEach(connection, engines, "shutdown_request", { restart: false }, options);
}

/**
 * Sends a signal to the engines, by its name.
 * @throws TypeError for what is no name of a signal
 */
export function signalEngines(
  connection: Connection,
  engines: readonly Engine[],
  name: string,
  options: RequestOptions,
): Promise<void> {
  if (!/^SIG[A-Z0-9]+$/.test(name)) {
    throw new TypeError(`Cannot send signal "${name}": signals are named as "SIGINT" or "SIGTERM"`);
  }
  return askEach(connection, engines, "signal_request", { sig: name }, options);
}
