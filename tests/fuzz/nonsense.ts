/**
 * What nobody should send, drawn by chance: frames without sense, captured messages that were damaged, messages rightly signed whose
 * contents are wrong, and groups with a right MAC that say what they must not.
 *
 * Whoever has the cluster's key may end the cluster, so what would do so rightly is never signed.
 */

import { DELIMITER, type Message, Session } from "../../src/protocol/frames.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { HEADER_BYTES, KIND, OP } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { type Capture, readAll } from "../vectors/vectors.ts";
import type { Chance } from "./chance.ts";

/** What the fuzzer knows of the cluster. */
export interface Cluster {
  readonly key: string;
  /** Engines of ours that may be asked for anything. */
  readonly engines: readonly { readonly id: number; readonly uuid: string }[];
}

/** Types that do what they say when they are signed, whoever has work there. */
const HARMFUL =
  /^(shutdown_re.*|unregistration_.*|registration_notification|registration_reply|abort_request|clear_request|signal_request|interrupt_request|shutdown_notification|connection_reply)$/;

/**
 * May rightly ask for all records. Each answer is tens of megabytes, which wait in the hub until the stranger fetches them; nothing
 * bounds what those who have the key ask for and leave there, so it is asked seldom.
 */
const ASKS_FOR_ALL = /^(db|history)_request$/;

/** Runs code or a pickle: for engines of ours alone, since Python's end by some of it. */
const RUNS = /^(apply|execute)_request$|^comm_/;

const encoder = new TextEncoder();

export class Nonsense {
  /** Whether the hub may be asked for all records now and then: whoever measures its memory does not want that. */
  asksForAll = true;
  readonly #chance: Chance;
  readonly #cluster: Cluster;
  readonly #captured: readonly Message[];
  readonly #frames: readonly (readonly Uint8Array[])[];
  readonly #mac;
  #last: readonly Uint8Array[] = [];

  constructor(chance: Chance, cluster: Cluster, capture: Capture) {
    this.#chance = chance;
    this.#cluster = cluster;
    this.#captured = readAll(capture).map(({ message }) => message);
    this.#frames = capture.events.map(({ frames }) => frames);
    this.#mac = createMac(cluster.key);
  }

  /** One message of any kind. */
  message(): readonly Uint8Array[] {
    const kinds = [
      () => this.#noise(),
      () => this.#damaged(this.#chance.pick(this.#frames)),
      () => this.#signed(),
      () => this.#signed(),
      () => this.#damaged(this.#signed()),
      () => this.#group(),
      () => [...this.#idents(), ...this.#signed()],
      () => this.#last,
    ];
    this.#last = this.#chance.pick(kinds)();
    return this.#last;
  }

  /** Bytes for a TCP connection: noise, or a greeting of ZMTP and then noise. */
  bytes(): Uint8Array {
    const noise = this.#chance.bytes(this.#chance.length(5000));
    if (this.#chance.is(0.4)) return noise;
    const greeting = new Uint8Array(64);
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, this.#chance.below(2)]);
    greeting.set(encoder.encode(this.#chance.pick(["NULL", "CURVE", "PLAIN", "XXXX"])), 12);
    const ready = [4, 25, 5, ...encoder.encode("READY"), 11, ...encoder.encode("Socket-Type"), 0, 0, 0, 6];
    const parts = [...greeting, ...(this.#chance.is(0.7) ? [...ready, ...encoder.encode("DEALER")] : [])];
    const size = [2 | this.#chance.below(8), ...this.#chance.bytes(8)];
    return Uint8Array.from([...parts, ...(this.#chance.is(0.5) ? size : []), ...noise]);
  }

  #idents(): Uint8Array[] {
    const { engines } = this.#cluster;
    return Array.from({ length: this.#chance.length(5) }, () => {
      return this.#chance.is(0.5) ? encoder.encode(this.#chance.pick(engines).uuid) : this.#noiseFrame();
    });
  }

  #noiseFrame(): Uint8Array {
    return this.#chance.is(0.15) ? DELIMITER : this.#chance.bytes(this.#chance.length(2000));
  }

  #noise(): Uint8Array[] {
    const count = this.#chance.is(0.02) ? 2000 : 1 + this.#chance.length(12);
    return Array.from({ length: count }, () => count > 100 ? DELIMITER : this.#noiseFrame());
  }

  /** Some frames are changed, lost, doubled or swapped. */
  #damaged(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    const changed = [...frames];
    for (let i = 0; i < 1 + this.#chance.below(3); i++) {
      const at = this.#chance.below(changed.length + 1);
      const frame = changed[at];
      switch (this.#chance.below(5)) {
        case 0:
          changed.splice(at, 1);
          break;
        case 1:
          changed.splice(at, 0, this.#noiseFrame());
          break;
        case 2:
          if (frame !== undefined) changed.splice(at, 0, frame);
          break;
        case 3:
          if (frame !== undefined) changed[at] = frame.subarray(0, this.#chance.below(frame.length + 1));
          break;
        case 4:
          if (frame !== undefined && frame.length > 0) changed[at] = this.#flipped(frame);
      }
    }
    return changed.length === 0 ? [new Uint8Array(0)] : changed;
  }

  #flipped(frame: Uint8Array): Uint8Array {
    const copy = frame.slice();
    for (let i = 0; i <= this.#chance.below(4); i++) {
      copy[this.#chance.below(copy.length)]! ^= 1 + this.#chance.below(255);
    }
    return copy;
  }

  #mayAskForAll(): boolean {
    return this.asksForAll && this.#chance.is(0.1);
  }

  /** A captured message with wrong values in it, signed. */
  #signed(): Uint8Array[] {
    for (;;) {
      const { header, parentHeader, metadata, content, buffers } = this.#chance.pick(this.#captured);
      const type = this.#chance.is(0.9) ? header.msg_type : this.#chance.text(20);
      if (HARMFUL.test(type) || (ASKS_FOR_ALL.test(type) && !this.#mayAskForAll())) continue;
      const { engines } = this.#cluster;
      const msgId = this.#chance.is(0.95) ? `${this.#chance.below(2 ** 31)}_1_${this.#chance.below(99)}` : "";
      const changes = {
        ...header,
        msg_type: type,
        msg_id: msgId,
        session: this.#chance.pick(["", "nobody", header.session]),
      };
      const given = RUNS.test(type) ? this.#bound(metadata, engines) : this.#wrong(metadata);
      const session = new Session({ key: this.#cluster.key, mac: this.#mac });
      const wrongHeader = this.#chance.is(0.1)
        ? { ...this.#wrongObject(header), msg_type: type, msg_id: msgId }
        : changes;
      const frames = session.pack(wrongHeader as typeof header, this.#wrong(content) as object, {
        // Python's client cannot take output whose parent names no session: it loses what comes behind.
        parent: { ...this.#wrongObject(parentHeader), session: "nobody" },
        metadata: given as Record<string, unknown>,
        buffers: this.#chance.is(0.7)
          ? buffers
          : buffers.map((buffer) => buffer.length > 0 ? this.#flipped(buffer) : buffer),
      });
      return this.#chance.is(0.6) ? [encoder.encode(this.#chance.pick(engines).uuid), ...frames] : frames;
    }
  }

  /** Metadata that leads a request to engines of ours, wherever it is sent. */
  #bound(metadata: Record<string, unknown>, engines: Cluster["engines"]): Record<string, unknown> {
    const { id, uuid } = this.#chance.pick(engines);
    const targets = metadata["is_broadcast"] === true ? [[uuid, id]] : [uuid];
    const others = this.#chance.is(0.5) ? metadata : this.#wrongObject(metadata);
    return { ...others, targets };
  }

  #wrongObject(value: Record<string, unknown>): Record<string, unknown> {
    const wrong = this.#wrong(value);
    return typeof wrong === "object" && wrong !== null && !Array.isArray(wrong) ? { ...wrong } : {};
  }

  /** The value, with other values in some places, or none. */
  #wrong(value: unknown): unknown {
    if (this.#chance.is(0.08)) return this.#anything();
    if (Array.isArray(value)) return value.map((item) => this.#wrong(item));
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    const entries = Object.entries(value).filter(() => !this.#chance.is(0.06));
    const wrong = entries.map(([key, item]): [string, unknown] => [key, this.#wrong(item)]);
    if (this.#chance.is(0.05)) wrong.push([this.#chance.text(10), this.#anything()]);
    return Object.fromEntries(wrong);
  }

  #anything(): unknown {
    const deep = (depth: number): unknown =>
      depth === 0 ? 1 : this.#chance.is(0.5) ? [deep(depth - 1)] : { a: deep(depth - 1) };
    return this.#chance.pick<() => unknown>([
      () => null,
      () => true,
      () => -1,
      () => 2 ** 53,
      () => 1e308,
      () => -0.5,
      () => "",
      () => this.#chance.text(3000),
      () => "2026-11-25T08:24:20.488683Z",
      () => [],
      () => ({}),
      () => ["__proto__", "constructor"],
      () => JSON.parse('{"__proto__": {"a": 1}, "constructor": 5, "toString": null}'),
      () => deep(this.#chance.length(5000)),
      () => ({ $gt: {}, $in: 5, $nosuch: [1] }),
      () => Array.from({ length: this.#chance.length(500) }, (_, i) => i),
    ])();
  }

  /** A group whose MAC is right and whose records are not. */
  #group(): Uint8Array[] {
    const writer = new GroupWriter();
    const kinds = Object.values(KIND);
    for (let i = 0; i < this.#chance.below(4); i++) this.#record(writer);
    const group = writer.close({
      kind: this.#chance.is(0.8) ? this.#chance.pick(kinds) : this.#chance.below(2 ** 16),
      origin: this.#chance.is(0.5) ? this.#chance.below(8) : this.#chance.below(2 ** 32),
      seq: 1 + this.#chance.below(1000),
      target: this.#chance.below(2 ** 32),
      nonce: BigInt(this.#chance.below(2 ** 32)),
      acked: this.#chance.below(2 ** 32),
      committed: this.#chance.below(2 ** 32),
      window: this.#chance.below(2 ** 16),
    }, this.#mac.sign).slice();
    if (this.#chance.is(0.5)) {
      for (let i = 0; i < 3; i++) group[32 + this.#chance.below(group.length - 32)] = this.#chance.below(256);
    }
    const cut = this.#chance.is(0.1)
      ? group.slice(0, HEADER_BYTES + this.#chance.below(group.length - HEADER_BYTES + 1))
      : group;
    if (this.#chance.is(0.9)) this.#mac.sign(cut, 32, cut.length, 0);
    const uuid = encoder.encode(this.#chance.pick(this.#cluster.engines).uuid);
    const piece = this.#chance.is(0.2) ? [this.#noiseFrame()] : [];
    return this.#chance.is(0.5) ? [uuid, cut, ...piece] : [cut, ...piece];
  }

  #record(writer: GroupWriter): void {
    const any = () => this.#chance.below(this.#chance.is(0.5) ? 10 : 2 ** 32);
    const body = this.#chance.is(0.5) ? encodeValue([21]).body : this.#chance.bytes(this.#chance.length(200));
    const op = this.#chance.pick(Object.values(OP));
    const writes = [
      () => writer.task(any(), any(), any(), op, any() & 0xff, any() & 0xff, 0, any(), 1, body),
      () => writer.name(any(), any(), any(), any()),
      () => writer.result(any(), any(), any(), 0, 0, 0, 0, 0, any(), 1, 2, body),
      () =>
        writer.chunk({
          n: any(),
          client: any(),
          index: any(),
          side: 0,
          offset: any(),
          length: any(),
          total: any(),
        }),
    ];
    this.#chance.pick(writes)();
  }
}
