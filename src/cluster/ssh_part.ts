/**
 * A controller or a set of engines on other machines. Their output comes to the log on this one for as long as the process that started them watches.
 */
import type { Part, PartState, SavedPart, SignalName } from "./launcher.ts";
import { describeEnd } from "./local.ts";
import { lastLines } from "./process.ts";
import { runCommand, runCommandInto } from "./run_command.ts";
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

  /** Ends all that can be reached. @throws ClusterError for a host that cannot be, after the others' processes have ended */
  async stop(patienceMs: number): Promise<void> {
    const ends = await Promise.allSettled(
      this.#placed.map(({ host, process }) => host.stop(process, patienceMs)),
    );
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #watch(withOutput: boolean): Promise<string> {
    const states = await Promise.all(this.#placed.map((placed) => this.#endOf(placed, withOutput)));
    return phrase(states);
  }

  /** A connection that breaks is no end: the host is asked until it answers, and its output goes on where it had stopped. */
  async #endOf({ host, process }: Placed, withOutput: boolean): Promise<RemoteState> {
    for (let have = 0, isAsking = !withOutput;; isAsking = true) {
      const state = isAsking ? await host.state(process).catch(() => null) : undefined;
      if (state?.is === "ended") return state;
      if (state === null) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      else if (withOutput) have += await this.#follow({ host, process }, have);
      else await runCommand(host.awaitEnd(process)).catch(() => null);
    }
  }

  /** Returns how many bytes more have come, once the connection or the process has ended. */
  async #follow({ host, process }: Placed, have: number): Promise<number> {
    try {
      return await runCommandInto(host.follow(process, have), this.saved.log);
    } catch {
      // The log cannot be written, as when its folder was removed: that is no end either.
      await runCommand(host.awaitEnd(process)).catch(() => null);
      return 0;
    }
  }
}

/** `it ended with code 3`; of several the worst. */
function phrase(states: readonly RemoteState[]): string {
  const codes = states.map((state) => state.is === "ended" ? state.code : null);
  const code = codes.find((it) => it !== 0) ?? codes[0] ?? null;
  return describeEnd({ code, signal: null });
}
