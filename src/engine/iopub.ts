/**
 * What an engine publishes: text of tasks, displays, results of cells and errors, as signed Jupyter messages for everyone who listens.
 * Text is gathered for a turn of the loop, bounded per task, and never split inside a character.
 */
import type { Dictionary, ParentHeader, Session } from "../protocol/frames.ts";
import { plainBundle } from "./plain_json.ts";

/** The part of a socket that is needed here. */
export interface Publisher {
  send(frames: readonly Uint8Array[]): boolean;
}

/** One more place that hears everything. */
export interface Outlet {
  readonly socket: Publisher;
  readonly session: Session;
}

type StreamName = "stdout" | "stderr";

/** What one task has written and shown. */
interface Written {
  /** Bytes that came from the task. */
  taken: number;
  /** What was published: bytes of text as UTF-8, and displays. */
  readonly published: [stdout: number, stderr: number, displays: number];
  readonly decoders: [TextDecoder, TextDecoder];
  readonly text: [string, string];
  readonly parent: ParentHeader;
  /** The last of its text, of both streams. */
  last: string;
  isCut: boolean;
}

const STREAMS: readonly [StreamName, StreamName] = ["stdout", "stderr"];
const encoder = new TextEncoder();
/** How much of a task's last text is kept for the report of its end, in characters. */
const LAST_LENGTH = 2048;

export class IoPub {
  readonly #socket: Publisher;
  readonly #session: Session;
  readonly #outputLimitBytes: number;
  readonly #written = new Map<number, Written>();
  readonly #dirty = new Set<Written>();
  readonly #also = new Set<Outlet>();
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

  /** Publishes there too, signed by that session. */
  also(outlet: Outlet): void {
    this.#also.add(outlet);
  }

  /** Publishes one message. `topic` is what follows `engine.<id>.`. */
  publish(topic: string, type: string, content: Dictionary, parent: ParentHeader): void {
    const first = encoder.encode(`engine.${this.#id}.${topic}`);
    const options = { parent, metadata: { engine: this.#session.session } };
    this.#socket.send([first, ...this.#session.message(type, content, options)]);
    for (const { socket, session } of this.#also) {
      socket.send([first, ...session.message(type, content, options)]);
    }
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
    const written = this.#of(ticket, parent);
    const stream = name === "stdout" ? 0 : 1;
    const before = written.taken;
    written.taken += bytes.length;
    const room = this.#outputLimitBytes - before;
    if (room > 0) {
      const kept = bytes.length <= room ? bytes : bytes.subarray(0, room);
      this.#add(written, stream, written.decoders[stream].decode(kept, { stream: true }));
    }
    if (bytes.length > room && !written.isCut) this.#cut(written);
    return written.taken;
  }

  #add(written: Written, stream: 0 | 1, text: string): void {
    if (text === "") return;
    written.text[stream] += text;
    written.last = (written.last + text.slice(-LAST_LENGTH)).slice(-LAST_LENGTH);
    written.published[stream] += encoder.encode(text).length;
    this.#dirty.add(written);
  }

  #cut(written: Written): void {
    written.isCut = true;
    this.#add(written, 1, `\n[output beyond ${this.#outputLimitBytes} bytes is dropped]\n`);
  }

  /** The last text of a task that is not over. */
  lastOf(ticket: number): string {
    return this.#written.size === 0 ? "" : this.#written.get(ticket)?.last ?? "";
  }

  /**
   * The task is over: its last text goes out before anything that follows.
   * @returns bytes of stdout and stderr and the number of displays that were published for it, null if there was nothing
   */
  finished(ticket: number): readonly number[] | null {
    if (this.#written.size === 0) return null;
    const written = this.#written.get(ticket);
    if (written === undefined) return null;
    this.#written.delete(ticket);
    for (const stream of [0, 1] as const) this.#add(written, stream, written.decoders[stream].decode());
    const [stdout, stderr, displays] = written.published;
    return displays === 0 ? [stdout, stderr] : written.published;
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
  event(ticket: number, event: unknown, parent: ParentHeader): void {
    if (typeof event !== "object" || event === null || !("kind" in event)) return;
    const { kind, ...content } = event as Dictionary;
    this.flush();
    switch (kind) {
      case "display_data":
      case "update_display_data":
      case "execute_result": {
        const topic = kind === "execute_result" ? kind : "displaypub";
        if (kind !== "update_display_data") this.#of(ticket, () => parent).published[2]++;
        return this.publish(topic, kind, withBundle(content), parent);
      }
      case "clear_output":
        return this.publish("displaypub", kind, { wait: content["wait"] === true }, parent);
    }
  }

  #of(ticket: number, parent: () => ParentHeader): Written {
    let written = this.#written.get(ticket);
    if (written === undefined) this.#written.set(ticket, written = fresh(parent()));
    return written;
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
    taken: 0,
    published: [0, 0, 0],
    decoders: [new TextDecoder(), new TextDecoder()],
    text: ["", ""],
    parent,
    last: "",
    isCut: false,
  };
}

/** What a task shows has data and metadata, whatever it says, and is fit for a message. */
function withBundle({ data, metadata, ...content }: Dictionary): Dictionary {
  const bundle = (value: unknown) => typeof value === "object" && value !== null ? plainBundle(value) : {};
  return { ...plainBundle(content), data: bundle(data), metadata: bundle(metadata) };
}
