/**
 * Who is there, carried out: `core.ts` decides, this file has clock, hearts' sockets, the watch over local processes and the file of
 * engines. What others have to hear of goes to them by `PresenceParts`.
 */

import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { AsyncPoller } from "../wire/poll.ts";
import { type HubAction, HubCore, type HubCoreOptions, type HubEvent } from "./core.ts";
import { EngineState } from "./engine_state.ts";
import { guarded } from "./guard.ts";
import { hasSubscription, type HubSockets, pongs } from "./hub_sockets.ts";
import { LocalWatch } from "./local_watch.ts";
import type { HubOptions } from "./options.ts";
import type { Engine, Registry } from "./registry.ts";

export interface PresenceParts {
  readonly options: HubOptions;
  readonly core: Pick<HubCoreOptions, "startedAt" | "connectionInfo" | "extension">;
  readonly sockets: HubSockets["all"];
  readonly log: Logger;
  /** An engine is there: clients and schedulers are to be told. */
  arrived(engine: Engine): void;
  /** It is not there any more. */
  departed(engine: Engine, reason: string): void;
  /** The direct requests of peers that it had will not be answered. */
  requestsFailed(engine: Engine): void;
  /** Sends a message to an engine's registration socket. */
  tell(rid: Uint8Array, type: string, content: object): void;
}

const encoder = new TextEncoder();

export class Presence {
  readonly #parts: PresenceParts;
  readonly #core: HubCore;
  readonly #state: EngineState;
  readonly #watch: LocalWatch;
  #tick: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** @throws Error if the engines of the run before are to be restored, and cannot be read */
  constructor(parts: PresenceParts) {
    this.#parts = parts;
    const { profileDir, clusterId = "", heartbeatPeriodMs = 3000, maxMisses = 10, restore } = parts.options;
    this.#core = new HubCore({
      ...parts.core,
      periodMs: heartbeatPeriodMs,
      maxMisses,
      registrationTimeoutMs: parts.options.registrationTimeoutMs ?? Math.max(30_000, 10 * heartbeatPeriodMs),
    });
    this.#state = new EngineState(profileDir, clusterId);
    this.#watch = new LocalWatch(
      Deno.hostname(),
      (uuid) => this.step({ kind: "engine_process_ended", at: now(), uuid }),
    );
    if (restore) this.#restore();
  }

  get registry(): Registry {
    return this.#core.registry;
  }

  /** Begins to hear hearts. */
  listen(poller: AsyncPoller): void {
    const { sockets: { hbPing, hbPong }, log } = this.#parts;
    poller.add(hbPong, guarded(log, "pongs", () => this.#readPongs()));
    poller.add(hbPing, guarded(log, "subscriptions", () => this.#readSubscriptions()));
    this.#tick = setTimeout(() => this.#onTick(), 0);
  }

  /** Takes in what happened, and does what follows. */
  step(event: HubEvent): void {
    for (const action of this.#core.step(event)) this.#act(action);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#tick);
    this.#watch.close();
  }

  #restore(): void {
    const saved = this.#state.load();
    if (saved === undefined) return;
    this.registry.restore(saved, now());
    this.#parts.log.info("Waiting for the engines of the run before", { engines: saved.engines.length });
  }

  #onTick(): void {
    guarded(this.#parts.log, "tick", () => this.step({ kind: "ticked", at: now() }))();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#tick);
    if (this.#isClosed) return;
    this.#tick = setTimeout(() => this.#onTick(), Math.max(1, Math.ceil(this.#core.nextAt - now())));
  }

  #readPongs(): void {
    this.step({ kind: "ponged", at: now(), pongs: [...pongs(this.#parts.sockets.hbPong)] });
  }

  #readSubscriptions(): void {
    if (!hasSubscription(this.#parts.sockets.hbPing)) return;
    this.step({ kind: "heart_subscribed", at: now() });
    this.#schedule();
  }

  #act(action: HubAction): void {
    const { parts, log } = { parts: this.#parts, log: this.#parts.log };
    switch (action.kind) {
      case "reply_registration":
        return parts.tell(action.rid, "registration_reply", action.content);
      case "ping":
        parts.sockets.hbPing.send([encoder.encode(action.payload)]);
        return;
      case "announce_engine":
        this.#watch.add(action.engine);
        this.#save();
        return parts.arrived(action.engine);
      case "announce_departure":
        this.#watch.remove(action.engine.uuid);
        this.#save();
        return parts.departed(action.engine, action.reason);
      case "tell_given_up": {
        const { id, uuid } = action;
        return parts.tell(encoder.encode(uuid), "unregistration_notification", { id, uuid });
      }
      case "fail_requests":
        return parts.requestsFailed(action.engine);
      case "log":
        return log[action.level](action.text, action.fields);
    }
  }

  /** What a later run takes the engines back from; that it cannot be written must not keep engines out. */
  #save(): void {
    const { engines, nextId } = this.registry;
    guarded(this.#parts.log, "engine state", () => this.#state.save(engines, nextId))();
  }
}
