/**
 * The way of put values to the direct scheduler: in pieces, each with the value's name.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, CHUNK_PIECE_BYTES, KIND } from "../protocol/groups.ts";
import { nameWords } from "../protocol/value_name.ts";
import { PATH_BOUNDS } from "./path.ts";
import type { ValueWay } from "./put_values.ts";
import type { PutValue } from "./ref.ts";
import type { UploadEnd } from "./shared_upload.ts";

/** In front of its groups, where others have an engine's uuid. */
const NOBODY = new Uint8Array(0);

export function valueWay({ host, sendLarge }: UploadEnd): ValueWay {
  const writer = new GroupWriter(256);
  const piece = ({ name, buffers }: PutValue, index: number, offset: number, bytes: Uint8Array) => {
    const n = buffers.length, total = buffers[index]!.length;
    writer.reset();
    writer.chunk({ n, client: host.client, index, side: 0, offset, length: bytes.length, total });
    writer.name(...nameWords(name));
    sendLarge([NOBODY, host.seal(writer, KIND.value, ANY), bytes], 2);
  };
  return {
    async upload(value) {
      let burst = 0;
      for (const [index, buffer] of value.buffers.entries()) {
        for (let offset = 0; offset < buffer.length && !host.isEnded; offset += CHUNK_PIECE_BYTES) {
          const bytes = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
          piece(value, index, offset, bytes);
          burst += bytes.length;
          if (burst < PATH_BOUNDS.burstBytes) continue;
          burst = 0;
          await (host.isBroken ? host.mended() : host.turn());
        }
      }
    },
    tell(word, name) {
      if (host.isEnded) return;
      writer.reset();
      writer.name(...nameWords(name));
      sendLarge([NOBODY, host.seal(writer, KIND.values, ANY, word)], 2);
    },
  };
}
