/** A small scheduler for tests of the hub: a real DEALER on the link that says hello, gives ports and hears what the hub tells. */

import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { Context } from "../../src/wire/context.ts";
import { AsyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";

type News = Record<string, unknown>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Waits until a condition holds. */
export async function until<T>(what: string, find: () => T | undefined, deadlineMs = 5000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`Waited ${deadlineMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export class FakeScheduler implements AsyncDisposable {
  readonly news: News[] = [];
  /** The last acknowledgement. */
  acknowledged = 0;
  readonly taskSocket: Socket;
  readonly #context = Context.open();
  readonly #poller = new AsyncPoller(this.#context);
  readonly #link: Socket;

  constructor(schedulerFile: string) {
    const { link } = readConnectionFile(schedulerFile, "scheduler");
    this.#link = this.#context.socket("DEALER", { identity: "scheduler", lingerMs: 200 });
    this.#link.connect(link);
    this.taskSocket = this.#context.socket("ROUTER");
    const task = Number(this.taskSocket.bind("tcp://127.0.0.1:*").split(":").at(-1));
    this.#poller.add(this.#link, () => this.#read(task));
    this.tell({ kind: "scheduler_hello", version: 1 });
  }

  tell(message: News): void {
    this.#link.send([encoder.encode("json"), encoder.encode(JSON.stringify(message))]);
  }

  data(topic: string, frames: readonly Uint8Array[]): void {
    this.#link.send([encoder.encode(topic), ...frames]);
  }

  /** What the hub told last of this kind. */
  heard(kind: string): News | undefined {
    return this.news.findLast((news) => news["kind"] === kind);
  }

  #read(task: number): void {
    for (let frames = this.#link.receive(); frames; frames = this.#link.receive()) {
      const [topic, body] = frames;
      if (decoder.decode(topic) === "ack") {
        this.acknowledged = new DataView(body!.buffer, body!.byteOffset).getUint32(0, true);
        continue;
      }
      const news = JSON.parse(decoder.decode(body));
      this.news.push(news);
      if (news.kind === "flush") this.tell({ kind: "flushed", number: news.number });
      if (news.kind !== "scheduler_setup") continue;
      const client = { control: 1, mux: 2, task, iopub: 4, broadcast: 5 };
      const engine = { control: 6, mux: 7, task: 8, iopub: 9, broadcast: [10, 11] };
      this.tell({ kind: "scheduler_ready", ports: { client, engine } });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#poller.close();
    this.#context.close();
  }
}
