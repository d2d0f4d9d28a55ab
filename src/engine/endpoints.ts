/**
 * The controller's addresses as an engine connects to them.
 */
import { endpoint, type EngineConnection } from "../protocol/connection_file.ts";

export interface Endpoints {
  readonly registration: string;
  readonly mux: string;
  readonly task: string;
  readonly control: string;
  readonly iopub: string;
  readonly ping: string;
  readonly pong: string;
  /** One for each leaf of the broadcast tree. */
  readonly broadcast: readonly string[];
}

export function endpointsOf(connection: EngineConnection): Endpoints {
  const at = (port: number) => endpoint(connection.interface, port, connection.location);
  return {
    registration: at(connection.registration),
    mux: at(connection.mux),
    task: at(connection.task),
    control: at(connection.control),
    iopub: at(connection.iopub),
    ping: at(connection.hb_ping),
    pong: at(connection.hb_pong),
    broadcast: connection.broadcast.map(at),
  };
}
