/**
 * The control channel: requests that are answered while code runs.
 */
import { type By, byOf } from "../protocol/by.ts";
import type { Dictionary, Message, Session } from "../protocol/frames.ts";
import { engineRequest, isEngineRequest, ShapeError } from "../protocol/shapes.ts";
import { kernelInfo } from "./kernel_info.ts";

/** What a control request can do to an engine. */
export interface ControlActions {
  /** Aborts these of a peer's requests; all that waits if there are none. @param by the scheduler says that somebody stops them in any state */
  abort(msgIds: readonly string[], by?: By): void;
  /** Empties the namespace of a peer's session, then calls back with what went wrong, or null. */
  clear(session: string, done: (failure: string | null) => void): void;
  /** Stops what runs. */
  interrupt(how: string): void;
  /** Publishes the farewell, and ends the engine; or gives it another child, where a front-end wants a restart. */
  shutdown(restart: boolean, reply: Dictionary, parent: Message["header"]): void;
  leave(reason: string): void;
}

const INTERRUPTS = new Set(["SIGINT", "2"]);
const ENDS = new Set(["SIGTERM", "15", "SIGKILL", "9", "SIGHUP", "1", "SIGQUIT", "3", "SIGABRT", "6"]);

export class Control {
  readonly #session: Session;
  readonly #actions: ControlActions;
  readonly #send: (frames: readonly Uint8Array[]) => void;

  constructor(session: Session, actions: ControlActions, send: (frames: readonly Uint8Array[]) => void) {
    this.#session = session;
    this.#actions = actions;
    this.#send = send;
  }

  /**
   * Takes one message, idents first.
   * @throws BadMessage if it is not rightly signed, or no message
   */
  take(frames: readonly Uint8Array[]): void {
    const message = this.#session.parse(frames);
    const type = message.header.msg_type;
    if (!isEngineRequest(type)) return this.#refuse(message);
    try {
      this.#act(message);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      this.#reply(message, failure("TypeError", error.message));
    }
  }

  #act(message: Message): void {
    const { content } = message;
    switch (message.header.msg_type) {
      case "abort_request": {
        const { msg_ids } = engineRequest("abort_request", content);
        this.#actions.abort(typeof msg_ids === "string" ? [msg_ids] : msg_ids, cancelOf(content));
        return this.#reply(message, { status: "ok" });
      }
      case "clear_request":
        return this.#actions.clear(
          message.header.session,
          (why) => this.#reply(message, why === null ? { status: "ok" } : failure("EngineError", why)),
        );
      case "shutdown_request": {
        const { restart } = engineRequest("shutdown_request", content);
        const reply = { status: "ok", restart };
        this.#reply(message, reply);
        return this.#actions.shutdown(restart, reply, message.header);
      }
      case "signal_request":
        return this.#signal(message, String(engineRequest("signal_request", content).sig));
      case "interrupt_request":
        this.#actions.interrupt("an interrupt request");
        return this.#reply(message, { status: "ok" });
      case "kernel_info_request":
        return this.#reply(message, kernelInfo());
      default:
        return this.#refuse(message);
    }
  }

  /** Whoever asks is not left waiting; what is no request gets no reply. */
  #refuse(message: Message): void {
    const type = message.header.msg_type;
    if (!type.endsWith("_request")) return;
    const evalue = `Cannot take a request of type "${type}" on the control channel`;
    this.#reply(message, failure("NotImplementedError", evalue));
  }

  #signal(message: Message, signal: string): void {
    if (INTERRUPTS.has(signal)) {
      this.#actions.interrupt("SIGINT");
      return this.#reply(message, { status: "ok" });
    }
    if (!ENDS.has(signal)) {
      return this.#reply(message, failure("ValueError", `Cannot send signal "${signal}" to an engine`));
    }
    this.#reply(message, { status: "ok" });
    this.#actions.leave(`signal ${signal} was asked for`);
  }

  #reply(message: Message, content: Dictionary): void {
    const type = message.header.msg_type.replace(/_request$/, "_reply");
    const options = { parent: message.header, metadata: { engine: this.#session.session } };
    this.#send([...message.idents, ...this.#session.message(type, content, options)]);
  }
}

/** The extension of `abort_request`: a cancel. */
function cancelOf({ tsparallel }: Dictionary): By | undefined {
  if (typeof tsparallel !== "object" || tsparallel === null || !("cancel" in tsparallel)) return undefined;
  const { who, why }: { who?: unknown; why?: unknown } = { ...tsparallel.cancel as object };
  return byOf(who, why);
}

function failure(ename: string, evalue: string): Dictionary {
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`], engine_info: {} };
}
