/**
 * The engine host: a process with one or more engines, their sockets and their slots. It waits for all of them in one place and never runs
 * a line of a user's code.
 */
import { now } from "../base/clock.ts";
import { turnAfter } from "../base/event_loop.ts";
import { newSession } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { closeOnExec } from "../native/libc.ts";
import { Session } from "../protocol/frames.ts";
import { createMac } from "../protocol/mac.ts";
import { loadPacker } from "../protocol/packers.ts";
import { Context } from "../wire/context.ts";
import { curveClient } from "../wire/curve.ts";
import { pairOf, readCurveKeys } from "../wire/curve_keys.ts";
import type { SocketOptions } from "../wire/options.ts";
import { SyncPoller } from "../wire/poll.ts";
import { ClientFunctions } from "./client_functions.ts";
import { endpointsOf } from "./endpoints.ts";
import {
  connectionOf,
  coreOptionsOf,
  type EngineHostOptions,
  grantsOf,
  requestedId,
  slotSettingsOf,
  sparesOf,
} from "./host_options.ts";
import type { Grants } from "./grants.ts";
import { HostedEngine, type HostedEngineParts } from "./hosted_engine.ts";
import { removeStale } from "./scratch.ts";
import { KeptValues } from "./kept_values.ts";
import { Slot } from "./slot.ts";
import { childCommand } from "./slot_start.ts";
import type { SlotHandle } from "./slot_contract.ts";
import { Spares } from "./spares.ts";

/** Longest wait of the loop, in ms. */
const IDLE_MS = 100;
/** The event loop, and with it signals and aborts, gets a turn at least this often, in ms. */
const EVENT_LOOP_MS = 50;
/** Registrations and pings that have to be missing before the host gives up. */
const PATIENCE = 50;
/** So long an engine that has left passes on pieces to others of its process. */
const SIBLINGS_MS = 3000;
const REGISTRATION_TIMEOUT_MS = 5000;

/**
 * Runs engines until the last one has left, was told to, or lost its controller.
 * @param signal ends all engines in order
 * @returns the process's exit code: 0 after a wanted end, 1 with a logged reason
 * @throws ConnectionFileError
 */
export async function runEngineHost(
  options: EngineHostOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<number> {
  const connection = connectionOf(options);
  const packer = await loadPacker(connection.pack, connection.unpack);
  if (Deno.build.os === "linux") closeOnExec();
  const context = Context.open();
  const host = new EngineHost(options, logger, context);
  const mac = createMac(connection.key);
  const socket = socketOptionsOf(connection.curve_serverkey, options, logger);
  const endpoints = endpointsOf(connection);
  for (let i = 0; i < (options.engines ?? 1); i++) {
    const session = new Session({ key: connection.key, session: newSession(), mac, packer, pid: Deno.pid });
    const wantedId = requestedId(options, i);
    host.add({ endpoints, mac, socket, session, wantedId, key: connection.key });
  }
  try {
    return await host.run(signal);
  } finally {
    host.close();
    context.close();
  }
}

/** CURVE's keys for all sockets: the controller's, and a pair of its own that is made if none is given. */
function socketOptionsOf(serverKey: string | null, options: EngineHostOptions, log: Logger): SocketOptions {
  const curve = curveClient(serverKey);
  const { curveSecretKey = null, curvePublicKey = null, curveKeyFile = null } = options;
  if (curve === undefined) return {};
  if (curveKeyFile !== null) {
    return { curve: { ...curve, ...readCurveKeys(curveKeyFile, "--curve-key-file") } };
  }
  if (curveSecretKey === null && curvePublicKey !== null) {
    log.warn(
      "A CURVE pair lacks its secret half (--curve-secret-key, IPP_CURVE_SECRETKEY): the engine makes a pair of its own",
      { public: curvePublicKey },
    );
  }
  return { curve: curveSecretKey === null ? curve : { ...curve, ...ownKeys(curveSecretKey, options) } };
}

function ownKeys(secretKey: string, { curvePublicKey = null }: EngineHostOptions) {
  return pairOf(secretKey, curvePublicKey, "--curve-secret-key");
}

type EngineParts = Pick<HostedEngineParts, "endpoints" | "mac" | "socket" | "session" | "wantedId" | "key">;

/** The loop over all engines of the process. */
class EngineHost {
  readonly #options: EngineHostOptions;
  readonly #log: Logger;
  readonly #context: Context;
  readonly #poller = new SyncPoller();
  readonly #functions = new ClientFunctions(() =>
    [...this.#engines].flatMap((engine) => engine.functionsInUse)
  );
  readonly #values = new KeptValues();
  readonly #spares: Spares;
  readonly #grants: Grants;
  readonly #engines = new Set<HostedEngine>();
  readonly #process = newSession();
  /** Engines that have left, and until when they take pieces for the others: schedulers hear of their end a moment later. */
  readonly #gone = new Map<HostedEngine, number>();
  #hasFailed = false;

  constructor(options: EngineHostOptions, log: Logger, context: Context) {
    this.#options = options;
    this.#log = log;
    this.#context = context;
    const settings = slotSettingsOf(options);
    // What hosts left that were killed; if it cannot be removed now, then at the next start.
    removeStale().catch(() => {});
    const command = options.childCommand ?? childCommand();
    const grants = this.#grants = grantsOf(options, () => this.#name);
    this.#spares = new Spares({
      ...sparesOf(options),
      key: grants.default,
      grantOf: (key, scratch) => grants.grantOf(key, scratch),
      start: (special) => Slot.start(settings, command, special),
      watch: (slot, look) => this.#watch(slot, look),
      unwatch: (slot) => this.#unwatch(slot),
      log,
    });
  }

  add(parts: EngineParts): void {
    const { sandbox, patience, registrationTimeoutMs } = this.#options;
    const grants = this.#grants, spares = this.#spares;
    const engine: HostedEngine = new HostedEngine({
      ...parts,
      context: this.#context,
      poller: this.#poller,
      functions: this.#functions,
      values: this.#values,
      children: {
        take: (key) => spares.take(key),
        retire: (slot) => spares.retire(slot),
        release: (slot) => spares.release(slot),
        watch: (slot, look) => this.#watch(slot, look),
        unwatch: (slot) => this.#unwatch(slot),
      },
      grants,
      core: coreOptionsOf(this.#options, grants.default),
      sharesMemory: this.#options.sharedMemory !== "off",
      stopsOffTurn: this.#options.sharing === "client",
      registrationTimeoutMs: registrationTimeoutMs ?? REGISTRATION_TIMEOUT_MS,
      patience: patience ?? PATIENCE,
      isStrict: sandbox === "strict",
      kernelFile: this.#options.kernelFile,
      isJupyters: this.#options.isJupyters ?? false,
      process: this.#process,
      sibling: (id) => this.#engineOf(id)?.sibling,
      background: (work) =>
        void work.catch((error) => this.#log.error("Cannot go on beside the loop", { error: String(error) })),
      log: this.#log,
      onGone: (_reason, hasFailed) => {
        this.#hasFailed ||= hasFailed;
        this.#engines.delete(engine);
        this.#gone.set(engine, now() + SIBLINGS_MS);
      },
    });
    this.#engines.add(engine);
  }

  /** How the engine that refuses a task is called: which one of several, grants do not know. */
  get #name(): string {
    const [only, ...others] = this.#engines;
    return only === undefined || others.length > 0 ? "the engine" : only.name;
  }

  #engineOf(id: number): HostedEngine | undefined {
    for (const engine of this.#engines) if (engine.id === id) return engine;
    return undefined;
  }

  #watch(slot: SlotHandle, look: () => void): void {
    for (const fd of slot.fds) this.#poller.add(fd, look);
  }

  #unwatch(slot: SlotHandle): void {
    for (const fd of slot.fds) this.#poller.remove(fd);
  }

  /** Turns until no engine is left. */
  async run(signal: AbortSignal): Promise<number> {
    let turnedAt = now();
    while (this.#engines.size > 0) {
      if (signal.aborted) this.#leave(String(signal.reason?.message ?? "it was told to end"));
      const at = now();
      let delay = IDLE_MS;
      for (const engine of [...this.#engines]) {
        engine.turn(at);
        delay = Math.min(delay, engine.delay(at));
      }
      if (this.#engines.size === 0) break;
      if (this.#gone.size > 0) this.#closeGone(at);
      if (this.#engines.size > 0 && this.#areReady) this.#spares.restock(at);
      this.#context.rest();
      const from = now();
      const isInterrupted = !this.#poller.wait(Math.max(0, delay));
      const to = now();
      if (!isInterrupted && to - turnedAt < EVENT_LOOP_MS) continue;
      await turnAfter({ isInterrupted, ms: to - from });
      turnedAt = now();
    }
    return this.#hasFailed ? 1 : 0;
  }

  #closeGone(at: number): void {
    for (const [engine, until] of this.#gone) {
      if (until > at) continue;
      engine.close();
      this.#gone.delete(engine);
    }
  }

  /** Spares come after the engines' own children. */
  get #areReady(): boolean {
    for (const engine of this.#engines) if (!engine.hasChild) return false;
    return true;
  }

  #leave(reason: string): void {
    for (const engine of [...this.#engines]) engine.leave(reason, false);
  }

  /** Ends what is left. Harmless twice. */
  close(): void {
    this.#leave("the host ends");
    this.#closeGone(Infinity);
    this.#spares.close();
  }
}
