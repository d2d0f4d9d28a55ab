/**
 * Everything that an engine is to Python's clients and to Jupyter's front-ends: their requests, their history, their input, and the ports by
 * which front-ends come.
 */
import type { By } from "../protocol/by.ts";
import type { Logger } from "../base/log.ts";
import type { Context } from "../wire/context.ts";
import type { SyncPoller } from "../wire/poll.ts";
import type { ControlActions } from "./control.ts";
import { History } from "./history.ts";
import type { IoPub } from "./iopub.ts";
import { KernelPorts } from "./kernel_ports.ts";
import { KernelRequests } from "./kernel_requests.ts";
import type { OwnTasks } from "./own_tasks.ts";
import { PeerApplies } from "./peer_apply.ts";
import type { PeerChannel } from "./peer_channel.ts";
import { PeerReplies } from "./peer_replies.ts";
import { PeerRequests } from "./peer_requests.ts";
import { FrontEndInput, type Tell } from "./stdin.ts";

export interface FrontEndsParts {
  readonly context: Context;
  readonly poller: SyncPoller;
  /** The cluster's key; "" where CURVE stands in its place. */
  readonly key: string;
  readonly uuid: string;
  /** Jupyter has started this program. */
  readonly isJupyters: boolean;
  readonly engineId: () => number;
  /** The cluster's own way in and out. */
  readonly channel: PeerChannel;
  readonly iopub: IoPub;
  readonly own: OwnTasks;
  /** What control requests of the cluster can do. */
  readonly actions: ControlActions;
  /** Gives the engine another child. */
  readonly restart: () => void;
  readonly tell: Tell;
  /** Counts namespaces: another number means that what was pushed is gone. */
  readonly epoch: () => number;
  /** Counts what is thrown away. */
  readonly drop: (reason: string) => void;
  readonly background: (work: Promise<void>) => void;
  readonly log: Logger;
}

export class FrontEnds {
  readonly requests: PeerRequests;
  readonly applies: PeerApplies;
  readonly #parts: FrontEndsParts;
  readonly #questions: KernelRequests;
  readonly #input: FrontEndInput;
  #kernel: KernelPorts | null = null;

  constructor(parts: FrontEndsParts) {
    const { uuid, engineId, iopub, own, channel } = parts;
    this.#parts = parts;
    const replies = new PeerReplies(uuid, engineId), history = new History();
    const input = this.#input = new FrontEndInput(parts.tell, () => iopub.flush());
    const questions = this.#questions = new KernelRequests({
      iopub,
      replies,
      history,
      ask: (question, session, done) => own.question(question, session, done),
      shutdown: (restart, reply, message) => {
        const actions = message.channel === channel ? parts.actions : this.#actions;
        actions.shutdown(restart, reply, message.header);
      },
      background: parts.background,
    });
    const abortWaiting = (ns: readonly number[]) => own.abort(ns);
    const cancel = (ns: readonly number[], by: By) => own.cancel(ns, by);
    this.applies = new PeerApplies({
      iopub,
      replies,
      abortWaiting,
      cancel,
      enqueue: (request) => own.apply(request),
      nextNumber: () => this.requests.nextNumber(),
      epoch: parts.epoch,
    });
    this.requests = new PeerRequests({
      channel,
      iopub,
      replies,
      history,
      questions,
      input,
      execute: (request) => own.execute(request),
      abortWaiting,
      cancel,
      applies: this.applies,
    });
  }

  /**
   * What control requests of front-ends can do. A restart empties the namespace, and the engine stays in the cluster; unless Jupyter has
   * started this program, since then it waits for its end and starts it again.
   */
  get #actions(): ControlActions {
    const { actions, isJupyters, restart } = this.#parts;
    return {
      ...actions,
      shutdown: (wantsRestart, reply, parent) => {
        if (!wantsRestart || isJupyters) return actions.shutdown(wantsRestart, reply, parent);
        // Not to the cluster, which would take it for the engine's end.
        this.#kernel?.publish("shutdown_reply", reply, parent);
        restart();
      },
    };
  }

  /**
   * Binds the ports for front-ends, once.
   * @throws Error if the file cannot be used or a port is taken
   */
  open(file: string, guard: (work: () => void) => void): void {
    if (this.#kernel !== null) return;
    const { poller, iopub, background, log } = this.#parts;
    const kernel = this.#kernel = KernelPorts.open(file, {
      ...this.#parts,
      controlActions: this.#actions,
      peers: this.requests,
      input: this.#input,
    });
    kernel.watch(poller, guard);
    iopub.also(kernel.outlet);
    background(this.#questions.loadParser());
    log.info("Bound as a Jupyter kernel", { file });
  }

  turn(at: number): void {
    this.#input.turn(at);
    this.#kernel?.turn();
  }

  /** Harmless twice. */
  close(): void {
    this.#kernel?.close(this.#parts.poller);
  }
}
