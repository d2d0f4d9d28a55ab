/**
 * What a slot is to the engine host: the contract that `slot.ts` keeps and `tests/contracts/slot.ts` checks.
 *
 * A slot is one child process with a Worker inside. The host offers tasks (tickets), rings once per batch, and looks at what came
 * back; it may withdraw what has not started, and may kill the child at any moment without losing a finished result.
 *
 * A define is no task: it is told to the Worker and gets neither `started` nor an answer, is not `open` and cannot be withdrawn. Its
 * ticket only connects it with its chunks. It holds for the tasks offered after it.
 */

import type { DeniedAct } from "../protocol/post_mortem.ts";
import { NO_PERMISSIONS, type PermissionSet } from "../protocol/permissions.ts";

/**
 * What the walls of one child are built from. Where a path goes through links, `permissions` has it both as it was written (Deno's wall goes
 * by that) and as what it leads to (the kernel's goes by that, and must not follow links when it opens it: one may have been changed since).
 * Programs are there by path, as they were named: the kernel's wall needs the file behind it.
 */
export interface Grant {
  readonly permissions: PermissionSet;
  /** Values of the granted environment variables, and PATH where programs are granted; nothing else. */
  readonly environment: Readonly<Record<string, string>>;
  /** The child's own folder, "" for none. */
  readonly scratch: string;
  readonly isolation: "shared" | "worker" | "process";
}

/** How a child ended, as its host saw it. */
export interface ChildEnd {
  /** Exit code, or null if a signal ended it. */
  readonly code: number | null;
  /** Signal number, or null. */
  readonly signal: number | null;
  /** What the host knows beyond that: it killed it itself, or read nonsense, or the runtime's own last words name memory. */
  readonly reason: "exited" | "killed by host" | "protocol" | "out of memory" | "never ready";
  /** A sentence for the error of the task that ran. */
  readonly detail: string;
  /** Last bytes of what it wrote to fd 2 and were attributed to no task, as text. */
  readonly lastWords: string;
}

/** Bytes that are no array, and can be copied into one. */
export interface ByteSource {
  readonly length: number;
  /** Copies all of them to the array's begin. */
  copyInto(array: Uint8Array<ArrayBuffer>): void;
}

/** One request in the ring. */
export interface Offer {
  /** The host's own number of the task, unique among those open in this slot; comes back with everything about it. */
  readonly ticket: number;
  /** OP of protocol/groups.ts: define, apply, execute, push, pull, clear; or a question (RING_OP). */
  readonly op: number;
  /** The definition that an apply uses (host-wide number), or the number that a define gives to its body. */
  readonly definition: number;
  /** How many large buffers were sent ahead with `chunk()` under this ticket. */
  readonly buffers: number;
  /** Codec bytes (protocol/values.ts): arguments array, {code, silent}, names and values, list of names. Copied by `offer()`.
   * Empty where the last of the large buffers is the body (bodies above INLINE_BODY_BYTES). Likewise in `result`. */
  readonly body: Uint8Array;
  /** Most bytes of its result, if less than the slot's own limit. */
  readonly resultLimitBytes?: number;
  /** The ticket under which its large buffers were sent, if that is not its own. */
  readonly parts?: number;
}

/** Receives what `look()` found, in the order in which it happened. Views are valid during the call only. */
export interface SlotSink {
  /** The Worker is up behind both walls; `walls` is what the child measured of them. */
  ready(walls: WallReport): void;
  /** The Worker began the task (between this look and the one before). Comes once for each task, always ahead of its result. */
  started(ticket: number, at: number): void;
  /** A piece of a large buffer of the task's coming result. */
  chunk(ticket: number, index: number, total: number, offset: number, bytes: Uint8Array): void;
  /** A display or other event while the task runs: codec bytes of {kind: "display_data" | "execute_result" | "clear_output", …}. */
  event(ticket: number, body: Uint8Array): void;
  /** Text that the task wrote. */
  output(ticket: number, stream: "stdout" | "stderr", text: Uint8Array): void;
  /** The task's one answer. ok: codec bytes of the value. error: codec bytes of {ename, evalue, traceback: string[], error?}. */
  result(
    ticket: number,
    status: "ok" | "error",
    body: Uint8Array,
    buffers: number,
    startedAt: number,
    finishedAt: number,
  ): void;
  /** The task is over, and its result is larger than it may be: so many bytes at least, as the Worker says. */
  tooLarge(ticket: number, bytes: number, startedAt: number, finishedAt: number): void;
  /** What a task was not allowed; comes ahead of its error, or of the child's end if it ran then. */
  denied?(ticket: number, acts: readonly DeniedAct[]): void;
  /** The task says that it cannot run on this engine, and why; comes ahead of its error. */
  unmet?(ticket: number, reason: string): void;
  /** The child is gone and reaped; nothing follows. Tickets neither answered nor withdrawn are named with whether they had started. */
  ended(end: ChildEnd, open: readonly { readonly ticket: number; readonly started: boolean }[]): void;
}

/** What a child gets that may do nothing. */
export const NO_GRANT: Grant = {
  permissions: NO_PERMISSIONS,
  environment: {},
  scratch: "",
  isolation: "shared",
};

/** What stands between the task and the machine, as measured in the child. */
export interface WallReport {
  readonly deno: boolean;
  /** Landlock's ABI version in force, 0 if there is none. */
  readonly landlock: number;
  readonly seccomp: boolean;
  /** What is open although it should not be, in words. */
  readonly missing: readonly string[];
  /** Where a wall of the kernel's is wider than the grant, in words. */
  readonly excess: readonly string[];
}

export interface SlotSettings {
  /** Entries of the ring (rounded up to a power of two); pieces of large buffers take one each. */
  readonly entries: number;
  /** Bytes for request bodies, and for result bodies: at least 1 MiB each. */
  readonly ringBytes: number;
  /** Bytes of the arena for large buffers, each direction. */
  readonly arenaBytes: number;
  /** The three switches. All true but in tests of the walls. */
  readonly walls: { readonly deno: boolean; readonly landlock: boolean; readonly seccomp: boolean };
  /** Most bytes of one result body, buffers included. */
  readonly resultLimitBytes: number;
}

/** The host's side of one child. */
export interface SlotHandle {
  readonly pid: number;
  /** File descriptors for the host's poll (readable = call `look()`): doorbell and text pipes, pidfd. */
  readonly fds: readonly number[];
  /** undecided: it waits for `decide`. raising: its walls go up. ready: it takes tasks. */
  readonly state: "starting" | "undecided" | "raising" | "ready" | "ended";
  /** Open tickets (offered, not answered, not withdrawn). */
  readonly open: number;
  /** Tells the child what it may do, once, at any time after its start: then its walls go up. */
  decide(grant: Grant): void;
  /** Puts a request into the ring; false if there is no room now (look first, offer again). Nothing is rung yet. */
  offer(offer: Offer): boolean;
  /**
   * Sends a piece (at most CHUNK_PIECE_BYTES) of a large argument buffer ahead of its task; false if the arena has no room now: ring,
   * wait, look, and send it again. Pieces of one buffer come in order.
   */
  chunk(
    ticket: number,
    index: number,
    total: number,
    offset: number,
    bytes: Uint8Array | ByteSource,
  ): boolean;
  /** Rings the doorbell if anything was offered since. */
  ring(): void;
  /**
   * Takes back what has not started: true means that it never will, and no answer comes for it. Also forgets the pieces sent under
   * a ticket that was never offered.
   */
  withdraw(ticket: number): boolean;
  /**
   * Tells the task that runs something (TOLD of ring.ts), with at most INPUT_BYTES of text, and rings. A task that is over does not hear it;
   * one that computes without a pause neither.
   */
  tell(ticket: number, kind: number, text: Uint8Array): void;
  /** Whether the task that runs has ever looked at its signal: then it hears TOLD.abort. */
  hasLooked(ticket: number): boolean;
  /** Drains pipes, ring and exit status into the sink. Cheap when there is nothing. */
  look(sink: SlotSink): void;
  /** Bytes of memory that the child uses now (resident, arena included), 0 if it is gone. With the programs that it was granted. */
  memory(): number;
  /** CPU time that the child has used so far, in ms, 0 if it is gone. With the programs that it was granted. */
  cpuMs(): number;
  /** SIGKILL to its group. The `look()` after its end (`fds` tell) reports finished results first and then `ended`. */
  kill(): void;
  /** SIGSTOP or SIGCONT to its group. */
  pause(stopped: boolean): void;
  /** Kills if needed, reaps, unmaps and closes. Harmless twice. */
  close(): void;
}
