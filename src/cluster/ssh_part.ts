/**
 * A controller or a set of engines on other machines. Their output comes to the log on this one for as long as the process that started them watches.
 */
import type { Part, PartState, SavedPart, SignalName } from "./launcher.ts";
import { describeEnd } from "./local.ts";
import { lastLines, startProcess } from "./process.ts";
import { runCommand } from "./run_command.ts";
import type { RemoteProcess, RemoteState, SshHost } from "./ssh_host.ts";

/** A process and the host that it is on. */
export interface Placed {
  readonly host: SshHost;
  readonly process: RemoteProcess;
}

/** The wait before a host is asked again that could not be reached. */
const AGAIN_MS = 2000;

export class SshPart implements Part {
  readonly saved: SavedPart;
  readonly pid = null;
  readonly #placed: readonly Placed[];
  #ended: Promise<string> | undefined;

  /** @param which `new`: started by this process, so the output is to be brought here too */
  constructor(saved: SavedPart, placed: readonly Placed[], which: "new" | "found") {
    this.saved = saved;
    this.#placed = placed;
    if (which === "new") this.#ended = this.#watch(true);
  }

  get label(): string {
    const places = this.#placed.map(({ host, process }) => `pid ${process.pid} on ${host.name}`);
    return places.length > 4
      ? `${places.slice(0, 3).join(", ")} and ${places.length - 3} more`
      : places.join(", ");
  }

  get ended(): Promise<string> {
    return this.#ended ??= this.#watch(false);
  }

  async state(): Promise<PartState> {
    const states = await Promise.all(this.#placed.map(({ host, process }) => host.state(process)));
    return states.some(({ is }) => is === "running")
      ? { is: "running", words: "" }
      : { is: "ended", words: phrase(states) };
  }

  lastLines(count: number): Promise<readonly string[]> {
    return Promise.resolve(lastLines(this.saved.log, count));
  }

  async signal(name: SignalName): Promise<void> {
    await Promise.all(this.#placed.map(({ host, process }) => host.signal(process, name)));
  }

  async stop(patienceMs: number): Promise<void> {
    await Promise.all(this.#placed.map(({ host, process }) => host.stop(process, patienceMs)));
  }

  async #watch(withOutput: boolean): Promise<string> {
    const states = await Promise.all(this.#placed.map((placed) => this.#endOf(placed, withOutput)));
    return phrase(states);
  }

  /** A connection that breaks is no end: the host is asked until it answers. */
  async #endOf({ host, process }: Placed, withOutput: boolean): Promise<RemoteState> {
    if (withOutput) await this.#follow(host, process);
    for (;;) {
      const state = await host.state(process).catch(() => null);
      if (state?.is === "ended") return state;
      if (state === null) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      else await runCommand(host.awaitEnd(process)).catch(() => null);
    }
  }

  async #follow(host: SshHost, process: RemoteProcess): Promise<void> {
    const { words: [command = "", ...args], input = "" } = host.call(host.follow(process));
    const follower = await startProcess({ command, args, input, environment: {}, logPath: this.saved.log });
    await follower.ended;
  }
}

/** `it ended with code 3`; of several the worst. */
function phrase(states: readonly RemoteState[]): string {
  const codes = states.map((state) => state.is === "ended" ? state.code : null);
  const code = codes.find((it) => it !== 0) ?? codes[0] ?? null;
  return describeEnd({ code, signal: null });
}
