/**
 * Tells engines of ours what a client may ask for at most, ahead of its first task on each way to each engine: only for clients whose cap is not everyone's, which engines
 * know from their registration.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, CAP_DEFINITION, HEADER_BYTES, KIND, OP } from "../protocol/groups.ts";
import type { Definitions } from "./definitions.ts";
import { seal, type Sealing } from "./engine_ends.ts";
import type { Sender } from "./gate.ts";

const encoder = new TextEncoder();

export class CapNotices {
  readonly #sealing: Sealing;
  readonly #writer = new GroupWriter(1 << 10);
  /** Whom each engine has been told of. */
  readonly #told = new Map<string, Set<number | string>>();

  constructor(sealing: Sealing) {
    this.#sealing = sealing;
  }

  /** What a client of ours may ask for at most goes ahead of its tasks, as its functions do. */
  supply(definitions: Definitions, client: number, sender: Sender): void {
    if (sender.ownCap === null || definitions.has(client, CAP_DEFINITION)) return;
    this.#write(client, sender);
    definitions.set(client, CAP_DEFINITION, this.#frame(0).subarray(HEADER_BYTES));
  }

  /** A group that has to go ahead of a message to an engine; null if it knows enough. @param who index or session */
  group(uuid: string, engine: number, who: number | string, sender: Sender): Uint8Array | null {
    if (sender.ownCap === null) return null;
    let told = this.#told.get(uuid);
    if (told === undefined) this.#told.set(uuid, told = new Set());
    if (told.has(who)) return null;
    told.add(who);
    this.#write(who, sender);
    return this.#frame(engine);
  }

  #write(who: number | string, { ownCap }: Sender): void {
    const name = typeof who === "number" ? { client: who } : { session: who };
    const body = encoder.encode(JSON.stringify({ ...name, cap: ownCap }));
    this.#writer.reset();
    this.#writer.task(0, typeof who === "number" ? who : ANY, CAP_DEFINITION, OP.define, 0, 0, 0, 0, 0, body);
  }

  #frame(target: number): Uint8Array {
    return seal(this.#sealing, this.#writer, { kind: KIND.notice, target });
  }

  /** An engine that registers anew knows nothing; one that left need not. */
  forget(uuid: string): void {
    this.#told.delete(uuid);
  }
}
