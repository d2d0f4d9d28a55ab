/**
 * What an engine publishes: text of tasks, displays, results of cells and errors, as signed Jupyter messages for everyone who listens.
 * Text is gathered for a turn of the loop, bounded per task, and never split inside a character.
 */
import type { Dictionary, ParentHeader, Session } from "../protocol/frames.ts";

/** The part of a socket that is needed here. */
export interface Publisher {
  send(frames: readonly Uint8Array[]): boolean;
}

type StreamName = "stdout" | "stderr";

/** What one task has written. */
interface Written {
  readonly bytes: [stdout: number, stderr: number];
  readonly decoders: [TextDecoder, TextDecoder];
  readonly text: [string, string];
  readonly parent: ParentHeader;
  isCut: boolean;
}

const STREAMS: readonly [StreamName, StreamName] = ["stdout", "stderr"];
const encoder = new TextEncoder();

export class IoPub {
  readonly #socket: Publisher;
  readonly #session: Session;
  readonly #outputLimitBytes: number;
  readonly #written = new Map<number, Written>();
  readonly #dirty = new Set<Written>();
  #id = -1;

  /** @param outputLimitBytes text of one task beyond this is dropped, with a note */
  constructor(socket: Publisher, session: Session, outputLimitBytes: number) {
    this.#socket = socket;
    this.#session = session;
    this.#outputLimitBytes = outputLimitBytes;
  }

  /** The engine's id from now on: it stands in every topic. */
  set id(id: number) {
    this.#id = id;
  }

  /** Publishes one message. `topic` is what follows `engine.<id>.`. */
  publish(topic: string, type: string, content: Dictionary, parent: ParentHeader): void {
    const frames = this.#session.message(type, content, {
      parent,
      metadata: { engine: this.#session.session },
    });
    this.#socket.send([encoder.encode(`engine.${this.#id}.${topic}`), ...frames]);
  }

  status(state: "busy" | "idle", parent: ParentHeader): void {
    this.flush();
    this.publish("status", "status", { execution_state: state }, parent);
  }

  /**
   * Takes text of a task. Returns how many bytes it has written by now.
   * @param parent makes the header of the task's request, asked for once a task
   */
  text(ticket: number, name: StreamName, bytes: Uint8Array, parent: () => ParentHeader): number {
    let written = this.#written.get(ticket);
    if (written === undefined) this.#written.set(ticket, written = fresh(parent()));
    const stream = name === "stdout" ? 0 : 1;
    const before = written.bytes[0] + written.bytes[1];
    written.bytes[stream] += bytes.length;
    const room = this.#outputLimitBytes - before;
    if (room > 0) {
      const kept = bytes.length <= room ? bytes : bytes.subarray(0, room);
      written.text[stream] += written.decoders[stream].decode(kept, { stream: true });
      this.#dirty.add(written);
    }
    if (bytes.length > room && !written.isCut) this.#cut(written);
    return before + bytes.length;
  }

  #cut(written: Written): void {
    written.isCut = true;
    written.text[1] += `\n[output beyond ${this.#outputLimitBytes} bytes is dropped]\n`;
    this.#dirty.add(written);
  }

  /** The task is over: its last text goes out before anything that follows. Returns its byte counts, null if it wrote nothing. */
  finished(ticket: number): readonly [stdout: number, stderr: number] | null {
    if (this.#written.size === 0) return null;
    const written = this.#written.get(ticket);
    if (written === undefined) return null;
    this.#written.delete(ticket);
    for (const stream of [0, 1] as const) written.text[stream] += written.decoders[stream].decode();
    this.#dirty.add(written);
    return written.bytes;
  }

  /** Publishes the text gathered so far. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    for (const written of this.#dirty) {
      for (const stream of [0, 1] as const) {
        const text = written.text[stream];
        if (text === "") continue;
        written.text[stream] = "";
        this.publish(STREAMS[stream], "stream", { name: STREAMS[stream], text }, written.parent);
      }
    }
    this.#dirty.clear();
  }

  /** Publishes what a task shows, as the slot's event has it. Anything that is no such event is ignored. */
  event(event: unknown, parent: ParentHeader): void {
    if (typeof event !== "object" || event === null || !("kind" in event)) return;
    const { kind, ...content } = event;
    this.flush();
    switch (kind) {
      case "display_data":
      case "update_display_data":
        return this.publish("displaypub", kind, withBundle(content), parent);
      case "execute_result":
        return this.publish("execute_result", kind, withBundle(content), parent);
      case "clear_output":
        return this.publish("displaypub", kind, { wait: false, ...content }, parent);
    }
  }

  error(
    content: { ename: string; evalue: string; traceback: readonly string[] },
    parent: ParentHeader,
  ): void {
    this.flush();
    this.publish("error", "error", content, parent);
  }
}

function fresh(parent: ParentHeader): Written {
  return {
    bytes: [0, 0],
    decoders: [new TextDecoder(), new TextDecoder()],
    text: ["", ""],
    parent,
    isCut: false,
  };
}

/** What a task shows has data and metadata, whatever it says. */
function withBundle(content: Dictionary): Dictionary {
  const { data, metadata } = content;
  const isObject = (value: unknown) => typeof value === "object" && value !== null;
  return { ...content, data: isObject(data) ? data : {}, metadata: isObject(metadata) ? metadata : {} };
}
