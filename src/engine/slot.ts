/**
 * One slot at the engine host: starts the child, hands it tasks, reads what comes back, sees it end, and kills it when asked to.
 *
 * It does nothing by itself: the host waits for `fds` in its own poll, calls `look()` when one is ready, and every few milliseconds
 * while anything is open. Whatever the child does, no call here waits for it.
 */
import { now } from "../base/clock.ts";
import {
  closeFd,
  destroyShared,
  type ExitStatus,
  growPipe,
  kill,
  punchHole,
  readyFds,
  residentBytes,
  type SharedMemory,
  SIGNAL,
  waitpid,
  writeFd,
} from "../native/libc.ts";
import { GroupMeter, processCpuMs } from "../native/process_usage.ts";
import type { PermissionName } from "../protocol/permissions.ts";
import { hasAny } from "./effective.ts";
import { ProgramGuard } from "./program_guard.ts";
import { BELL, type RingLayout } from "./ring.ts";
import { Nonsense, type RingSink } from "./slot_checks.ts";
import type { ChildEnd, Grant, Offer, SlotHandle, SlotSettings, SlotSink } from "./slot_contract.ts";
import { CHILD_PHASE, frameOf, toldGrant } from "./slot_job.ts";
import type { SpecialStart } from "./special_start.ts";
import { endOf, type Verdict } from "./slot_end.ts";
import { HostRing } from "./slot_ring.ts";
import { type Pipes, startChild, type Started } from "./slot_start.ts";
import { TextStream } from "./slot_text.ts";

/** A child that is not ready by then is killed. */
const READY_MS = 10_000;
/** A bell that led to nothing is rung again after so long, then after twice that, and so on. */
const RING_AGAIN_MS = 10;
/** A child that takes no task for so long, although none runs, is killed. */
const STUCK_MS = 10_000;
/** An arena that lay unused for so long gives its memory back. */
const ARENA_IDLE_MS = 1_000;
/** How much of the last text is kept for the report of the end. */
const LAST_WORDS_BYTES = 4096;

export class Slot implements SlotHandle {
  readonly pid: number;
  readonly fds: readonly number[];
  readonly #pipes: Pipes;
  readonly #memory: SharedMemory;
  readonly #layout: RingLayout;
  readonly #ring: HostRing;
  readonly #held: readonly PermissionName[];
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;
  /** When the child was given something to do before it can take tasks: to start, to raise its walls. */
  #waitingSince = now();
  /** The grant, until it is told. */
  #grant: Grant | undefined;
  #isDecided = false;
  /** Where programs are granted. */
  #guard: ProgramGuard | undefined;
  readonly #meter: GroupMeter;
  #state: SlotHandle["state"] = "starting";
  #status: ExitStatus | undefined;
  #isClosed = false;
  #isLooking = false;
  #isPaused = false;
  #needsBell = false;
  /** Why this side killed the child, if it did. */
  #verdict: Verdict | undefined;
  #lastWords = "";
  /** The same with what was attributed to tasks: the runtime's own last message is. */
  #lastText = "";
  /** When the Worker last did something, or had nothing to do. */
  #progressAt = now();
  #progress = 0;
  #ringAgainAt = 0;
  #ringAgainMs = RING_AGAIN_MS;
  /** Use of the arenas since their memory was given back. */
  #arenaBytes = 0;
  #arenaAt = 0;

  /**
   * Starts a child, which waits before its walls until `decide`. Call it on the program's main thread: the child dies with the thread that started it.
   * @param command from `childCommand()`
   * @param special from `specialStart()`, for a grant that needs it: then it is this very grant that is to be told
   * @throws Error if it cannot be started
   */
  static start(settings: SlotSettings, command: readonly string[], special?: SpecialStart): Slot {
    return new Slot(startChild(settings, command, special));
  }

  private constructor(started: Started) {
    const { pid, pidfd, pipes, memory, layout, settings } = started;
    this.pid = pid;
    this.#held = started.held;
    this.#meter = new GroupMeter(pid);
    this.#pipes = pipes;
    this.#memory = memory;
    this.#layout = layout;
    this.fds = [pipes.stdout, pipes.stderr, pidfd];
    this.#ring = new HostRing(memory.buffer, layout, settings.resultLimitBytes);
    this.#stdout = new TextStream(pipes.stdout, true);
    this.#stderr = new TextStream(pipes.stderr, false);
  }

  get state(): SlotHandle["state"] {
    return this.#state;
  }

  get open(): number {
    return this.#ring.open;
  }

  decide(grant: Grant): void {
    if (this.#isDecided) throw new Error("Cannot decide what a slot may do: it was decided before");
    this.#isDecided = true;
    this.#grant = grant;
    this.#tellGrant();
  }

  /** Tells the child what it may do, once it stands before its walls. */
  #tellGrant(): void {
    const grant = this.#grant;
    if (grant === undefined || this.#state !== "undecided") return;
    this.#grant = undefined;
    this.#state = "raising";
    this.#waitingSince = now();
    try {
      if (hasAny(grant.permissions.run.allow)) this.#guard = ProgramGuard.over(this.pid);
      writeWhole(this.#pipes.bell, frameOf(toldGrant(grant, this.#held)));
    } catch (error) {
      this.#condemn("never ready", error instanceof Error ? error.message : String(error));
    }
  }

  offer(offer: Offer): boolean {
    if (this.#state === "ended") return false;
    if (!this.#ring.isBehind) this.#madeProgress();
    const isTaken = this.#ring.offer(offer);
    this.#needsBell ||= isTaken;
    return isTaken;
  }

  chunk(...piece: Parameters<SlotHandle["chunk"]>): boolean {
    if (this.#state === "ended") return false;
    if (!this.#ring.isBehind) this.#madeProgress();
    const isTaken = this.#ring.chunk(...piece);
    this.#needsBell ||= isTaken;
    if (isTaken) this.#usedArena(piece[4].length);
    return isTaken;
  }

  ring(): void {
    if (!this.#needsBell) return;
    this.#needsBell = false;
    this.#ringBell();
  }

  #ringBell(): void {
    // A full pipe has bells enough; a child that is not ready has none to hear them.
    if (!this.#isClosed && this.#state === "ready") writeFd(this.#pipes.bell, BELL_BYTES);
  }

  withdraw(ticket: number): boolean {
    return this.#state !== "ended" && this.#ring.withdraw(ticket);
  }

  tell(ticket: number, kind: number, text: Uint8Array): void {
    if (this.#state === "ended") return;
    this.#ring.board.tell(ticket, kind, text);
    this.#ringBell();
  }

  hasLooked(ticket: number): boolean {
    return this.#state !== "ended" && this.#ring.board.hasLooked(ticket);
  }

  look(sink: SlotSink): void {
    if (this.#state === "ended" || this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#lookOnce(sink);
    } finally {
      this.#isLooking = false;
    }
    if (this.#isClosed) this.#release();
  }

  #lookOnce(sink: SlotSink): void {
    const before = now();
    const [hasText, hasErrors, hasEnded] = readyFds(this.fds);
    if (hasText) this.#stdout.fill();
    if (hasErrors) this.#stderr.fill();
    this.#collect(sink, before);
    if (hasEnded) return this.#end(sink);
    if (this.#ring.board.wantsRoom) this.#ringBell();
    this.#checkPatience(before);
    this.#trimArena(before);
  }

  /** Ring and text, in the order in which things happened. */
  #collect(sink: SlotSink, before: number): void {
    if (this.#verdict?.reason === "protocol") return;
    if (this.#state === "starting" && this.#ring.board.childPhase === CHILD_PHASE.undecided) {
      this.#state = "undecided";
      this.#tellGrant();
    }
    try {
      this.#ring.collect(this.#ringSink(sink), before);
    } catch (error) {
      if (!(error instanceof Nonsense)) throw error;
      return this.#condemn("protocol", error.message);
    }
    const { running } = this.#ring;
    this.#stdout.live((text) => running >= 0 && sink.output(running, "stdout", text));
    this.#stderr.live((text) => this.#errorText(sink, running, text));
    if (this.#ring.open > 0) return;
    this.#stdout.resync(this.#ring.board.counted("stdout"));
    this.#stderr.resync(this.#ring.board.counted("stderr"));
    this.#guard?.endPrograms();
  }

  #ringSink(sink: SlotSink): RingSink {
    return {
      ready: (walls) => {
        this.#state = "ready";
        this.#madeProgress();
        sink.ready(walls);
      },
      started: (ticket, at) => sink.started(ticket, at),
      chunk: (ticket, index, total, offset, bytes) => {
        this.#usedArena(bytes.length);
        sink.chunk(ticket, index, total, offset, bytes);
      },
      event: (ticket, body) => sink.event(ticket, body),
      text: (ticket, stdout, stderr) => {
        this.#stdout.settle(stdout, (text) => sink.output(ticket, "stdout", text));
        this.#stderr.settle(stderr, (text) => this.#errorText(sink, ticket, text));
      },
      denied: (ticket, acts) => sink.denied?.(ticket, acts),
      unmet: (ticket, reason) => sink.unmet?.(ticket, reason),
      result: (ticket, status, body, buffers, startedAt, finishedAt) => {
        this.#guard?.taskEnded();
        sink.result(ticket, status, body, buffers, startedAt, finishedAt);
      },
      tooLarge: (ticket, bytes, startedAt, finishedAt) => sink.tooLarge(ticket, bytes, startedAt, finishedAt),
    };
  }

  #errorText(sink: SlotSink, ticket: number, text: Uint8Array): void {
    const words = DECODER.decode(text.subarray(-LAST_WORDS_BYTES));
    this.#lastText = (this.#lastText + words).slice(-LAST_WORDS_BYTES);
    if (ticket >= 0) sink.output(ticket, "stderr", text);
    else this.#lastWords = (this.#lastWords + words).slice(-LAST_WORDS_BYTES);
  }

  /** A child that does nothing although it should is rung again, and killed in the end. */
  #checkPatience(time: number): void {
    if (this.#state !== "ready") {
      if (this.#state !== "undecided" && time - this.#waitingSince > READY_MS) {
        this.#condemn("never ready", `It was not ready within ${READY_MS} ms`);
      }
      return;
    }
    const { progress, running } = this.#ring;
    const isWaiting = this.#ring.isBehind && running < 0 && !this.#isPaused;
    if (!isWaiting || progress !== this.#progress) return this.#madeProgress(time);
    if (time - this.#progressAt > STUCK_MS) {
      return this.#condemn("protocol", `It took no task for ${STUCK_MS} ms, although none ran`);
    }
    if (time < this.#ringAgainAt) return;
    this.#ringAgainAt = time + this.#ringAgainMs;
    this.#ringAgainMs *= 2;
    this.#ringBell();
  }

  #madeProgress(time = now()): void {
    this.#progress = this.#ring.progress;
    this.#progressAt = time;
    this.#ringAgainMs = RING_AGAIN_MS;
    this.#ringAgainAt = time + RING_AGAIN_MS;
  }

  #usedArena(bytes: number): void {
    this.#arenaBytes += bytes;
    this.#arenaAt = 0;
  }

  /** Gives the arenas' memory back once nothing large came through for a while. */
  #trimArena(time: number): void {
    if (this.#arenaBytes === 0) return;
    if (this.#arenaAt === 0) this.#arenaAt = time;
    const isIdle = this.#ring.arenaUsed === 0 && this.#ring.open === 0;
    if (!isIdle || time - this.#arenaAt < ARENA_IDLE_MS) return;
    this.#arenaBytes = 0;
    punchHole(this.#memory, this.#layout.arenaIn, 2 * this.#layout.arenaBytes);
  }

  /** The child has ended: reaps it, and everything of its group. */
  #end(sink: SlotSink): void {
    const status = this.#reap();
    this.#drain(sink);
    const open = this.#ring.unfinished();
    this.#tellDenials(sink, open);
    this.#state = "ended";
    sink.ended(this.#report(status), open);
  }

  #tellDenials(sink: SlotSink, open: readonly { ticket: number; started: boolean }[]): void {
    for (const { ticket, started } of open) {
      const acts = started ? this.#ring.board.denials(ticket) : [];
      if (acts.length > 0) sink.denied?.(ticket, acts);
    }
  }

  /** Once only: afterwards its process id may be somebody else's. */
  #reap(): ExitStatus {
    if (this.#status === undefined) {
      kill(-this.pid, SIGNAL.kill);
      this.#status = waitpid(this.pid, "block") ?? { code: null, signal: null };
      this.#guard?.close();
    }
    return this.#status;
  }

  /** What came between the look and the end. */
  #drain(sink: SlotSink): void {
    this.#stdout.fill();
    this.#stderr.fill();
    this.#collect(sink, now());
  }

  #report(status: ExitStatus): ChildEnd {
    return endOf(status, this.#verdict, { lastWords: this.#lastWords, lastText: this.#lastText });
  }

  memory(): number {
    if (this.#state === "ended") return 0;
    return this.#guard === undefined ? residentBytes(this.pid) : this.#meter.usage().bytes;
  }

  cpuMs(): number {
    if (this.#state === "ended") return 0;
    return this.#guard === undefined ? processCpuMs(this.pid) : this.#meter.usage().cpuMs;
  }

  kill(): void {
    this.#condemn("killed by host", "The engine killed the slot's process");
  }

  /** The first reason is the one that is told. */
  #condemn(reason: ChildEnd["reason"], detail: string): void {
    if (this.#state === "ended") return;
    this.#verdict ??= { reason, detail };
    this.#signal(SIGNAL.kill);
  }

  pause(stopped: boolean): void {
    if (this.#state === "ended") return;
    this.#isPaused = stopped;
    this.#signal(stopped ? SIGNAL.stop : SIGNAL.cont);
  }

  #signal(signal: number): void {
    if (this.#status !== undefined) return;
    if (!kill(-this.pid, signal)) kill(this.pid, signal);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal(SIGNAL.kill);
    this.#state = "ended";
    this.#reap();
    // A sink that closes the slot that it is told of: the look still stands in the memory.
    if (!this.#isLooking) this.#release();
  }

  #release(): void {
    this.#ring.detach();
    for (const fd of [this.#pipes.bell, ...this.fds]) closeFd(fd);
    destroyShared(this.#memory);
  }
}

/** Writes to a pipe that nobody has written much to. */
function writeWhole(fd: number, bytes: Uint8Array<ArrayBuffer>): void {
  growPipe(fd, bytes.length);
  const written = writeFd(fd, bytes);
  if (written < bytes.length) {
    throw new Error(`Cannot tell a slot its grant: ${bytes.length} bytes do not go into its pipe`);
  }
}

const BELL_BYTES = new Uint8Array([BELL]);
const DECODER = new TextDecoder();
