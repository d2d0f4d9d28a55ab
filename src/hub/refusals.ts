/**
 * Peers whose handshake fails at the registration socket: Python's say nothing about it themselves, so the controller's log does, once in
 * a while.
 */
import { monotonic } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Context } from "../wire/context.ts";
import { handshakes, monitorHandshakes } from "../wire/handshake.ts";
import type { AsyncPoller } from "../wire/poll.ts";
import type { Socket } from "../wire/socket.ts";

/** Peers try for ever, several times a second. */
const QUIET_MS = 10_000;

/** Watches a bound socket's handshakes. The watch ends with the context. */
export function logRefusals(target: Socket, parts: RefusalParts): void {
  const { context, poller, log, isEncrypted } = parts;
  const monitor = monitorHandshakes(context, target);
  let quietUntil = -Infinity, peers = 0;
  poller.add(monitor, () => {
    if (monitor.closed) return;
    for (const handshake of handshakes(monitor)) {
      if (handshake !== "mismatch" && handshake !== "refused") continue;
      peers++;
      if (monotonic() < quietUntil) continue;
      quietUntil = monotonic() + QUIET_MS;
      const why = isEncrypted
        ? "it does not encrypt (CURVE), or has another key than the connection files"
        : "it encrypts (CURVE), and this controller does not, or it is no peer at all";
      log.warn("A peer cannot connect", { why, attempts: peers });
    }
  });
}

interface RefusalParts {
  readonly context: Context;
  readonly poller: AsyncPoller;
  readonly log: Logger;
  readonly isEncrypted: boolean;
}
