/**
 * Whether a connection file's controller can be reached from here, as far as the file tells.
 */
import { type ClientConnection, isThisHost } from "../protocol/connection_file.ts";

const LOOPBACK = /^(127\.|localhost$|\[::1\]$)/;

/** @throws Error if the controller is behind an SSH server: tunnels are not made here */
export function checkReach({ ssh, location }: ClientConnection): void {
  if (ssh === "" || location === "" || isThisHost(location) !== false) return;
  throw new Error(
    `Cannot connect: the connection file asks for an SSH tunnel through "${ssh}" to "${location}", which this client does not make; ` +
      `forward the file's ports yourself (ssh -L), and pass the file with "ssh" set to "" and "interface" to "tcp://127.0.0.1"`,
  );
}

/** What may be the matter with a controller that does not answer. */
export function reachHint(info: ClientConnection): string {
  const host = /^\w+:\/\/(.*)$/.exec(info.interface)?.[1] ?? "";
  if (LOOPBACK.test(host) && info.location !== "" && isThisHost(info.location) === false) {
    return `the controller runs on "${info.location}" and listens on its own loopback only; start it there with --ip=*`;
  }
  return "is the controller of this connection file still running?";
}
