/** The hub's files: connection files for clients, engines and schedulers, written whole and removed at the end. */

import type { Logger } from "../base/log.ts";
import {
  type ClientConnection,
  connectionPaths,
  type EngineConnection,
  readConnectionFile,
  removeConnectionFile,
  removeSchedulerFile,
  type SchedulerConnection,
  writeConnectionFile,
} from "../protocol/connection_file.ts";
import { ConnectionFileError } from "../protocol/errors.ts";
import { removeIpcFiles } from "../wire/bind_interface.ts";
import { writeCurveKeys } from "../wire/curve_keys.ts";
import type { HubSockets, OldConnections } from "./hub_sockets.ts";
import type { HubOptions } from "./options.ts";
import type { SchedulerPorts } from "./scheduler_link.ts";

export class HubFiles {
  readonly paths: ReturnType<typeof connectionPaths>;
  readonly #options: HubOptions;
  readonly #log: Logger;
  readonly #old: { readonly client: ClientConnection; readonly engine: EngineConnection } | undefined;
  #engineInfo: Readonly<Record<string, unknown>> | undefined;

  /** Looks at what is there: with `reuse` to go on with it, else to remove it, since nobody listens there. */
  constructor(options: HubOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.paths = connectionPaths(options.profileDir, options.clusterId ?? "");
    Deno.mkdirSync(`${options.profileDir}/security`, { recursive: true, mode: 0o700 });
    this.#old = options.reuse ? this.#read() : undefined;
    if (!options.reuse) this.remove();
  }

  /** Key of the run before. */
  get oldKey(): string | undefined {
    return this.#old?.client.key;
  }

  /** What the run before was bound to: with `reuse` it goes before the options, since peers know these addresses. */
  get oldConnections(): OldConnections {
    if (!this.#old) return {};
    const { client, engine } = this.#old;
    return {
      clientInterface: client.interface,
      engineInterface: engine.interface,
      ports: {
        registration: client.registration,
        notification: client.notification,
        hbPing: engine.hb_ping,
        hbPong: engine.hb_pong,
      },
    };
  }

  get oldSchedulerPorts(): SchedulerPorts | undefined {
    return this.#old && { client: this.#old.client, engine: this.#old.engine };
  }

  /** What engines are told in the reply: addresses without key and packers. */
  get engineInfo(): Readonly<Record<string, unknown>> | undefined {
    return this.#engineInfo;
  }

  writeScheduler(info: SchedulerConnection): void {
    writeConnectionFile(this.paths.scheduler, info);
  }

  /** Client file first: whoever waits for the engine file finds both. */
  writeConnections(key: string, sockets: HubSockets, scheduler: SchedulerPorts): void {
    const { packer = "json", unpacker = packer, curve } = this.#options;
    const ending = {
      key,
      curve_serverkey: curve?.publicKey ?? null,
      location: this.#old?.client.location ?? this.#options.location ?? Deno.hostname(),
      pack: packer,
      unpack: unpacker,
      signature_scheme: "hmac-sha256",
    };
    const { registration, notification, hbPing, hbPong } = sockets.ports;
    const client: ClientConnection = {
      ssh: this.#options.clientSsh || (this.#old?.client.ssh ?? ""),
      interface: sockets.clientInterface,
      registration,
      ...pick(scheduler.client),
      broadcast: scheduler.client.broadcast,
      task_scheme: this.#options.scheme ?? "leastload",
      notification,
      ...ending,
      ...this.#addresses(sockets.clientInterface),
    };
    // What an engine is told of it again when it registers.
    const engineInfo = {
      interface: sockets.engineInterface,
      registration,
      ...pick(scheduler.engine),
      hb_ping: hbPing,
      hb_pong: hbPong,
      broadcast: scheduler.engine.broadcast,
    };
    this.#engineInfo = engineInfo;
    if (curve && curve.keptIn !== null) writeCurveKeys(curve.keptIn, curve, true);
    for (
      const [path, info] of [[this.paths.client, client], [this.paths.engine, {
        ssh: this.#options.engineSsh || (this.#old?.engine.ssh ?? ""),
        ...engineInfo,
        ...ending,
        ...this.#addresses(sockets.engineInterface),
      }]] as const
    ) {
      writeConnectionFile(path, info);
      // Said when it is there: whoever waits for the line looks at once.
      this.#log.info(`writing connection info to ${path}`);
    }
  }

  /** Where a controller that listens everywhere can be found by who does not know its name; a location that the user gives is the one. */
  #addresses(bound: string): { readonly addresses?: readonly string[] } {
    if (this.#old !== undefined) return kept(this.#old.client.addresses);
    if (this.#options.location !== undefined || !/^tcp:\/\/(\*|0\.0\.0\.0)$/.test(bound)) return {};
    const own = Deno.networkInterfaces().filter(({ family, address }) =>
      family === "IPv4" && !address.startsWith("127.")
    );
    return { addresses: own.map(({ address }) => address) };
  }

  /** Removes the files; those for clients and engines stay with `reuse`. */
  remove(): void {
    removeSchedulerFile(this.paths.scheduler);
    const { clientInterface, engineInterface } = { ...this.#options, ...this.oldConnections };
    for (const base of [clientInterface, engineInterface]) removeIpcFiles(base);
    if (this.#options.reuse) return;
    removeConnectionFile(this.paths.client);
    removeConnectionFile(this.paths.engine);
    const { curve } = this.#options;
    if (curve && curve.keptIn !== null) removeConnectionFile(curve.keptIn);
  }

  /** Who connected to the run before knows its key, or that there is none. */
  #checkCurve({ curve_serverkey }: ClientConnection): void {
    const key = this.#options.curve?.publicKey ?? null;
    if ((curve_serverkey || null) === key) return;
    const why = key === null
      ? "the run before encrypted (CURVE); start with --enable-curve, or remove the files"
      : curve_serverkey
      ? "its CURVE key is another one; give the keys of the run before, or remove the files"
      : "the run before did not encrypt (CURVE); start without it, or remove the files";
    throw new ConnectionFileError(
      this.paths.client,
      "incomplete",
      `Cannot reuse "${this.paths.client}": ${why}`,
    );
  }

  /** @throws ConnectionFileError if the files are there and cannot be used, or do not agree */
  #read(): { client: ClientConnection; engine: EngineConnection } | undefined {
    try {
      const client = readConnectionFile(this.paths.client, "client");
      const engine = readConnectionFile(this.paths.engine, "engine");
      for (const name of ["key", "registration", "pack", "unpack", "signature_scheme"] as const) {
        if (client[name] === engine[name]) continue;
        const text =
          `Cannot reuse "${this.paths.client}": "${name}" differs in the engine's file; remove both, or start without --reuse`;
        throw new ConnectionFileError(this.paths.client, "incomplete", text);
      }
      this.#checkCurve(client);
      return { client, engine };
    } catch (error) {
      if (error instanceof ConnectionFileError && error.kind === "missing") return undefined;
      throw error;
    }
  }
}

function kept(addresses: readonly string[] | undefined): { readonly addresses?: readonly string[] } {
  return addresses === undefined ? {} : { addresses };
}

function pick<T extends Record<"control" | "mux" | "task" | "iopub", number>>(
  { control, mux, task, iopub }: T,
) {
  return { control, mux, task, iopub };
}
