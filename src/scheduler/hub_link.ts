/**
 * The scheduler's end of the link to the hub: copies of everything go out, news of engines come in.
 *
 * The hub acknowledges data messages after its commit; what is not acknowledged is bounded, and `isOpen` says whether clients may be read.
 */
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { Queue } from "../base/queue.ts";
import { BatchWriter } from "../protocol/link_batch.ts";
import { GATHERED_TOPICS, GROUP_TOPICS, type LinkTopic, PATIENT_TOPICS } from "../protocol/link_topics.ts";
import type { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";

/** What the hub tells. */
export type HubNews = { readonly kind: string } & Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const topicFrames = new Map<string, Uint8Array>();

function topicFrame(topic: string): Uint8Array {
  let frame = topicFrames.get(topic);
  if (frame === undefined) topicFrames.set(topic, frame = encoder.encode(topic));
  return frame;
}

export class HubLink {
  readonly #socket: Socket;
  readonly #log: Logger;
  #sent = 0;
  #acknowledged = 0;
  #bytes = 0;
  /** Sizes of what is under way, oldest first. */
  readonly #sizes = new Queue<number>();
  readonly #batch = new BatchWriter();
  /** When what is gathered has to leave, at the latest. */
  #flushAt = Infinity;

  constructor(socket: Socket, log: Logger) {
    this.#socket = socket;
    this.#log = log;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Whether the hub keeps up: below the window's bounds. */
  get isOpen(): boolean {
    return ((this.#sent - this.#acknowledged) >>> 0) < SCHEDULER_BOUNDS.linkMessages &&
      this.#bytes < SCHEDULER_BOUNDS.linkBytes;
  }

  tell(news: HubNews): void {
    this.flush();
    this.#socket.send([topicFrame("json"), encoder.encode(JSON.stringify(news))]);
  }

  send(topic: LinkTopic, frames: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const frame of frames) bytes += frame.length;
    this.#count(bytes);
    if (this.#isGathered(topic, bytes, frames.length)) {
      for (const frame of frames) this.#batch.frame(frame);
    } else this.#socket.send([topicFrame(topic), ...frames]);
  }

  /** Passes on the frames of a received message from `from` on, behind `prefix`, without copying large ones. */
  forward(topic: LinkTopic, message: Incoming, prefix: readonly Uint8Array[], from: number): void {
    let bytes = 0;
    for (let i = from; i < message.count; i++) bytes += message.size(i);
    this.#count(bytes);
    if (this.#isGathered(topic, bytes, prefix.length + message.count - from)) {
      for (const frame of prefix) this.#batch.frame(frame);
      for (let i = from; i < message.count; i++) this.#batch.frame(message.frame(i));
    } else message.forward(this.#socket, [topicFrame(topic), ...prefix], from);
  }

  /** When `flushDue` has something to do. */
  get nextFlush(): number {
    return this.#flushAt;
  }

  /** Sends what is gathered, if its time has come. */
  flushDue(at: number): void {
    if (this.#flushAt <= at) this.flush();
  }

  /** Sends what is gathered: whatever else goes to the hub must not overtake it. */
  flush(): void {
    this.#flushAt = Infinity;
    if (this.#batch.count === 0) return;
    this.#socket.send([topicFrame("batch"), this.#batch.take()]);
  }

  /** Whether a message is gathered, which has begun then; otherwise nothing is any more. */
  #isGathered(topic: LinkTopic, bytes: number, frames: number): boolean {
    const isGroup = GROUP_TOPICS.has(topic);
    const isSmall = bytes < (isGroup ? SCHEDULER_BOUNDS.smallGroupBytes : SCHEDULER_BOUNDS.gatheredBytes);
    if (!isSmall || !GATHERED_TOPICS.has(topic) || this.#batch.length >= SCHEDULER_BOUNDS.gatheredBytes) {
      this.flush();
    }
    if (!isSmall || !GATHERED_TOPICS.has(topic)) return false;
    if (!PATIENT_TOPICS.has(topic)) this.#flushAt = 0;
    else if (this.#flushAt === Infinity) this.#flushAt = now() + SCHEDULER_BOUNDS.gatherMs;
    this.#batch.begin(frames + 1);
    this.#batch.frame(topicFrame(topic));
    return true;
  }

  #count(bytes: number): void {
    this.#sent = (this.#sent + 1) >>> 0;
    this.#bytes += bytes;
    this.#sizes.push(bytes);
  }

  /** Reads what the hub said; acknowledgements are taken in here. */
  *receive(): IterableIterator<HubNews> {
    for (let frames = this.#socket.receive(); frames !== undefined; frames = this.#socket.receive()) {
      const [topic, body] = frames;
      if (topic === undefined || body === undefined) continue;
      const name = decoder.decode(topic);
      if (name === "ack") this.#acknowledge(body);
      else if (name === "json") {
        const news: HubNews | null = this.#parse(body);
        if (news?.kind === "flush") this.tell({ kind: "flushed", number: news["number"] });
        else if (news !== null) yield news;
      }
    }
  }

  #parse(body: Uint8Array): HubNews | null {
    try {
      return JSON.parse(decoder.decode(body));
    } catch (error) {
      this.#log.error("Cannot read a message of the hub", { error: String(error) });
      return null;
    }
  }

  #acknowledge(body: Uint8Array): void {
    if (body.length < 4) return;
    const taken = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
    // Never beyond what was sent, whatever the hub says: the window would be wrong for ever.
    while (((taken - this.#acknowledged) | 0) > 0 && this.#acknowledged !== this.#sent) {
      this.#acknowledged = (this.#acknowledged + 1) >>> 0;
      this.#bytes -= this.#sizes.shift() ?? 0;
    }
  }
}
