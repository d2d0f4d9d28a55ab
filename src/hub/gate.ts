/**
 * The hub's part of the policy: lets keys in at its sockets, and says who may register as an engine. The schedulers do the same at theirs
 * (`scheduler/gate.ts`).
 */
import { type CapText, Policy, type Side } from "../protocol/policy.ts";
import type { Context } from "../wire/context.ts";
import type { AsyncPoller } from "../wire/poll.ts";
import { ZapHandler } from "../wire/zap.ts";

/** What engines are told at their registration: the cap of clients of whom the scheduler says nothing. */
export function capField(policy: Policy | null | undefined): { readonly cap?: CapText } {
  return policy ? { cap: Policy.capText(policy.everyone) } : {};
}

/** Asks the policy about whoever connects to the context's CURVE sockets. Before they are bound; ends with the context. */
export function guardSockets(context: Context, poller: AsyncPoller, policy: Policy): void {
  const zap = new ZapHandler(context, (key, side) => policy.admits(key, side as Side) ? key : null);
  poller.add(zap.socket, () => {
    if (!zap.socket.closed) zap.read();
  });
}
