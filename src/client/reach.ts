/**
 * Whether a connection file's controller can be reached from here, as far as the file tells.
 */
import { type ClientConnection, isThisHost } from "../protocol/connection_file.ts";

const LOOPBACK = /^(127\.|localhost$|\[::1\]$)/;

/** What may be the matter with a controller that does not answer. */
export function reachHint(info: ClientConnection): string {
  const host = /^\w+:\/\/(.*)$/.exec(info.interface)?.[1] ?? "";
  if (LOOPBACK.test(host) && info.location !== "" && isThisHost(info.location) === false) {
    return `the controller runs on "${info.location}" and listens on its own loopback only; start it there with --ip=*, or tunnel to it with ssh: "you@${info.location}"`;
  }
  return "is the controller of this connection file still running?";
}
