/**
 * Large buffers of one call to several engines, sent once: each piece names all tasks that it belongs to (PROTOCOL.md, "Shared pieces"). It begins when the
 * call's turn has come on the way to each of its engines, so that nothing on these ways is overtaken and no window is passed by.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, CHUNK_PIECE_BYTES, INLINE_BODY_BYTES, KIND } from "../protocol/groups.ts";
import { type EncodedTask, PATH_BOUNDS, type PathHost } from "./path.ts";
import type { TaskState } from "./task_state.ts";

/** What an upload needs beside the host of paths. */
export interface UploadEnd {
  readonly host: Pick<PathHost, "client" | "seal" | "turn" | "isEnded" | "isBroken" | "mended">;
  sendLarge(frames: readonly Uint8Array[], from: number): void;
}

/** A task that gets the buffers. */
interface Receiver {
  readonly task: TaskState;
  readonly engine: number;
}

/** In front of its groups, where others have an engine's uuid. */
const NOBODY = new Uint8Array(0);

/** Whether a task has what travels as pieces. */
export function hasPieces({ buffers, body }: EncodedTask): boolean {
  return buffers.length > 0 || body.length > INLINE_BODY_BYTES;
}

export class SharedUpload {
  /** Those of the task, and its body if that is too long for its record. */
  readonly buffers: readonly Uint8Array[];
  readonly #end: UploadEnd;
  readonly #receivers: Receiver[] = [];
  readonly #sent = Promise.withResolvers<void>();
  readonly #writer = new GroupWriter(1 << 10);
  #missing: number;

  /** @param count for how many tasks it is */
  constructor(end: UploadEnd, { buffers, body }: EncodedTask, count: number) {
    this.#end = end;
    this.#missing = count;
    this.buffers = body.length > INLINE_BODY_BYTES ? [...buffers, body.slice()] : [...buffers];
  }

  /** The task's turn has come on its way. Resolves when all buffers have been sent. */
  join(task: TaskState, engine: number): Promise<void> {
    this.#receivers.push({ task, engine });
    this.#arrived();
    return this.#sent.promise;
  }

  /** A task was stopped before its turn came. */
  leave(): void {
    this.#arrived();
  }

  #arrived(): void {
    if (--this.#missing > 0 || this.#receivers.length === 0) return;
    this.#send().then(this.#sent.resolve, this.#sent.reject);
  }

  async #send(): Promise<void> {
    let burst = 0;
    for (const [index, buffer] of this.buffers.entries()) {
      for (let offset = 0; offset < buffer.length && !this.#end.host.isEnded; offset += CHUNK_PIECE_BYTES) {
        const piece = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
        this.#sendPiece(index, offset, buffer.length, piece);
        burst += piece.length;
        if (burst < PATH_BOUNDS.burstBytes) continue;
        burst = 0;
        await this.#end.host.turn();
      }
    }
  }

  #sendPiece(index: number, offset: number, total: number, piece: Uint8Array): void {
    const { host } = this.#end, { client } = host;
    const writer = this.#writer, n = this.#receivers[0]!.task.n;
    writer.reset();
    writer.chunk({ n, client, index, side: 0, offset, length: piece.length, total });
    for (const { task, engine } of this.#receivers) writer.name(client, task.n, 0, engine);
    this.#end.sendLarge([NOBODY, host.seal(writer, KIND.shared, ANY), piece], 2);
  }
}
