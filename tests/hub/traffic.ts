/** Tasks of a Python client as the schedulers copy them to the hub, for tests of what the hub makes of them. */

import { type Header, type MessageOptions, Session } from "../../src/protocol/frames.ts";
import { until } from "./fake_scheduler.ts";
import type { TestHub } from "./peers.ts";

const encoder = new TextEncoder();
const RID = encoder.encode("rid");

/** One task and what is said of it. */
export class Traffic {
  readonly header: Header;
  readonly msgId: string;
  readonly request: Uint8Array[];
  readonly #hub: TestHub;
  readonly #session: Session;

  constructor(
    hub: TestHub,
    options: MessageOptions & { readonly type?: string; readonly content?: object } = {},
  ) {
    this.#hub = hub;
    this.#session = new Session({ key: hub.clientFile.key });
    this.request = this.#session.message(options.type ?? "apply_request", options.content ?? {}, options);
    this.header = JSON.parse(new TextDecoder().decode(this.request[2]));
    this.msgId = this.header.msg_id;
  }

  /** The task socket took it. */
  submit(): this {
    return this.#say("intask", [RID, ...this.request]);
  }

  assign(uuid: string): this {
    return this.#say("tracktask", [encoder.encode(this.msgId), encoder.encode(uuid)]);
  }

  finish(uuid: string, content: object = { status: "ok" }, options: MessageOptions = {}): this {
    const metadata = {
      engine: uuid,
      status: "ok",
      started: "2026-11-23T08:21:21.123456Z",
      ...options.metadata,
    };
    const reply = this.#session.message("apply_reply", content, {
      parent: this.header,
      ...options,
      metadata,
    });
    return this.#say("outtask", [RID, encoder.encode(uuid), ...reply]);
  }

  /** A direct request passes the mux. */
  direct(uuid: string): this {
    return this.#say("in", [encoder.encode(uuid), RID, ...this.request]);
  }

  directResult(uuid: string, options: MessageOptions = {}): this {
    const reply = this.#session.message("apply_reply", { status: "ok" }, { parent: this.header, ...options });
    return this.#say("out", [RID, encoder.encode(uuid), ...reply]);
  }

  output(type: string, content: object): this {
    const message = this.#session.message(type, content, { parent: this.header });
    return this.#say("iopub", [encoder.encode(type), ...message]);
  }

  #say(topic: string, frames: readonly Uint8Array[]): this {
    this.#hub.scheduler.data(topic, frames);
    said.set(this.#hub, (said.get(this.#hub) ?? 0) + 1);
    return this;
  }
}

const said = new WeakMap<TestHub, number>();

/** Waits until the hub has recorded all that was said. */
export async function recorded(hub: TestHub): Promise<void> {
  await until("the records", () => hub.scheduler.acknowledged === said.get(hub) || undefined);
}
