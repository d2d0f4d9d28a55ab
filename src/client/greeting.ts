/**
 * What a client says to the hub of itself, and the smallest question that it can ask.
 */
import type { Message } from "../protocol/frames.ts";
import { EXTENSION_VERSION } from "../protocol/messages.ts";
import type { Connection } from "./connection.ts";
import { reachHint } from "./reach.ts";
import type { RequestOptions } from "./requests.ts";
import { enginesOf, type Welcome, welcomeOf } from "./welcome.ts";

/** Announces this client. Harmless when repeated. */
export function announce(connection: Connection, options: RequestOptions): Promise<Message> {
  const { session, username, pid } = connection.session;
  const { instance } = connection;
  const tsparallel = { version: EXTENSION_VERSION, session, username, pid, instance };
  return connection.request("connection_request", { tsparallel }, options);
}

/** The same, and takes the list of engines. @throws Error if there is no answer, with what may be done */
export async function greet(connection: Connection, options: RequestOptions): Promise<Welcome | null> {
  let message: Message;
  try {
    message = await announce(connection, options);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    const { address, info } = connection;
    throw new Error(
      `Cannot connect to "${address}": no reply in ${options.timeoutMs} ms; ${reachHint(info)}`,
      { cause: error },
    );
  }
  connection.engines.listed(enginesOf(message));
  return welcomeOf(message);
}

/** Python's hub has an error for queues of no engine, and so is greeted again. */
export function askAnything(connection: Connection, timeoutMs: number): Promise<unknown> {
  return connection.speaksGroups
    ? connection.request("queue_request", { targets: [], verbose: false }, { timeoutMs })
    : connection.request("connection_request", {}, { timeoutMs });
}
