import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { BatchWriter, readBatch } from "../../src/protocol/link_batch.ts";

type Messages = readonly (readonly Uint8Array[])[];

function written(messages: Messages, writer = new BatchWriter()): Uint8Array {
  for (const frames of messages) {
    writer.begin(frames.length);
    frames.forEach((frame) => writer.frame(frame));
  }
  return writer.take().slice();
}

const messages = fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }));

Deno.test("a batch gives back the messages that were written, in order", () => {
  const writer = new BatchWriter();
  fc.assert(fc.property(messages, (said) => {
    deepEqual(readBatch(written(said, writer)), { messages: said, lost: 0 });
    equal(writer.count, 0);
  }));
});

Deno.test("a writer grows with what is written, and counts its messages", () => {
  const writer = new BatchWriter();
  const large = new Uint8Array(100_000).fill(7);
  writer.begin(2);
  writer.frame(large);
  writer.frame(new Uint8Array(0));
  writer.begin(1);
  writer.frame(large);
  equal(writer.count, 2);
  deepEqual(readBatch(writer.take()), { messages: [[large, new Uint8Array(0)], [large]], lost: 0 });
});

Deno.test("of a batch that is cut off anywhere all is read that is whole, and the rest is counted", () => {
  fc.assert(fc.property(messages, fc.nat(), (said, cut) => {
    const whole = written(said);
    const batch = whole.subarray(0, Math.max(4, whole.length - 1 - (cut % whole.length)));
    const { messages: read, lost } = readBatch(batch);
    deepEqual(read, said.slice(0, read.length));
    if (said.length > read.length) {
      const room = Math.max(1, Math.floor((batch.length - 4) / 8));
      equal(lost, Math.max(0, Math.min(said.length, room) - read.length));
    } else equal(lost, 0);
  }));
});

Deno.test("nothing in a batch makes reading it throw, or count more than there is room for", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (batch) => {
    const { messages: read, lost } = readBatch(batch);
    equal(read.length + lost <= Math.max(1, Math.floor((batch.length - 4) / 8)) || lost === 0, true);
  }));
  deepEqual(readBatch(new Uint8Array(3)), { messages: [], lost: 1 });
  const lie = written([[new Uint8Array(2)], [new Uint8Array(2)]]);
  // The second message says that it has many frames.
  new DataView(lie.buffer).setUint32(4 + 10, 0xffff_ffff, true);
  deepEqual(readBatch(lie), { messages: [[new Uint8Array(2)]], lost: 1 });
});

Deno.test("frames of a batch are views of it, wherever it lies", () => {
  const batch = written([[Uint8Array.of(1, 2)]]);
  const elsewhere = new Uint8Array(batch.length + 3);
  elsewhere.set(batch, 3);
  const [message] = readBatch(elsewhere.subarray(3)).messages;
  equal(message![0]!.buffer, elsewhere.buffer);
  deepEqual(message, [Uint8Array.of(1, 2)]);
});
