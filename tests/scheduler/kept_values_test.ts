/** Values on the direct scheduler: kept, given to who wants them, asked for again from their client, dropped. */
import assert from "node:assert/strict";
import { silentLogger } from "../../src/base/log.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, type GroupHeader, KIND, ORIGIN, VALUES } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { nameText, nameWords } from "../../src/protocol/value_name.ts";
import { GroupDoor } from "../../src/scheduler/group_door.ts";
import { KeptValues } from "../../src/scheduler/kept_values.ts";
import { ValueStore } from "../../src/scheduler/value_store.ts";
import type { Incoming } from "../../src/wire/incoming.ts";

const NONCE = 5n;
const mac = createMac("key");
const WORDS = Object.fromEntries(Object.entries(VALUES).map(([word, number]) => [number, word]));
const name = (letter: string) => letter.repeat(32);

/** What was said to whom: `e1 none a`, `c7 kept a`, `e1 piece a 1@0`. */
function world(maxBytes?: number, gone: readonly number[] = []) {
  const door = new GroupDoor(mac, NONCE, silentLogger());
  const said: string[] = [], reader = new GroupReader(), words = new Uint32Array(4);
  const note = (who: string, [frame, piece]: readonly Uint8Array[]) => {
    const header = reader.open(frame!);
    const chunk = header.kind === KIND.value ? reader.chunk() : undefined;
    reader.name(words);
    const letter = nameText(words)[0]!;
    if (chunk === undefined) said.push(`${who} ${WORDS[header.window]} ${letter}`);
    else said.push(`${who} piece ${letter} ${chunk.index}@${chunk.offset}+${piece!.length} of ${chunk.n}`);
  };
  let seq = 0;
  const values = new KeptValues({
    door,
    sealing: { mac, nonce: NONCE },
    nextSeq: () => ++seq,
    toEngine: (uuid, frames) => note(uuid, frames),
    toClient: (client, frames) => !gone.includes(client) && (note(`c${client}`, frames), true),
  }, new ValueStore(maxBytes));
  const writer = new GroupWriter(256);
  const open = (kind: number, origin: number, window = 0): GroupHeader => {
    const header = { kind, origin, seq: 1, target: ANY, nonce: NONCE, acked: 0, committed: 0, window };
    const opened = door.open(writer.close(header, mac.sign).slice(), "a test");
    assert(opened !== null);
    return opened;
  };
  return {
    values,
    heard: () => said.splice(0),
    put(client: number, letter: string, sizes: readonly number[], from = 0) {
      sizes.forEach((length, index) => {
        if (index < from) return;
        writer.reset();
        writer.chunk({ n: sizes.length, client, index, side: 0, offset: 0, length, total: length });
        writer.name(...nameWords(name(letter)));
        open(KIND.value, client);
        const piece = new Uint8Array(length);
        values.takePiece({ count: 4, size: () => length, copy: () => piece } as unknown as Incoming, client);
      });
    },
    word(origin: number, word: number, letters: string) {
      writer.reset();
      for (const letter of letters) writer.name(...nameWords(name(letter)));
      const header = open(KIND.values, origin, word);
      if (origin < ORIGIN.engineBit) values.told(header);
      else values.wanted(`e${origin - ORIGIN.engineBit}`);
    },
    want(engine: number, letters: string) {
      this.word(ORIGIN.engineBit + engine, VALUES.want, letters);
    },
  };
}

Deno.test("a value is kept and sent to each process that wants it", () => {
  const { heard, ...w } = world();
  w.put(7, "a", [3, 200]);
  assert.deepEqual(heard(), ["c7 kept a"]);
  w.want(1, "a");
  w.want(2, "a");
  assert.deepEqual(heard(), [
    "e1 piece a 0@0+3 of 2",
    "e1 piece a 1@0+200 of 2",
    "e2 piece a 0@0+3 of 2",
    "e2 piece a 1@0+200 of 2",
  ]);
  w.word(7, VALUES.drop, "a");
  assert.deepEqual(heard(), ["e1 drop a", "e2 drop a"]);
  w.want(1, "a");
  assert.deepEqual(heard(), ["e1 none a"]);
});

Deno.test("what it had no room for it asks its client for; nobody is told before that answers", () => {
  const { heard, ...w } = world(2000);
  w.put(7, "a", [500]);
  w.put(7, "b", [500]);
  w.want(1, "a");
  w.put(8, "c", [500]);
  heard();
  w.want(2, "b");
  w.want(3, "b");
  assert.deepEqual(heard(), ["c7 want b", "c7 want b"]);
  w.put(7, "b", [500]);
  assert.deepEqual(heard(), ["c7 kept b", "e2 piece b 0@0+500 of 1", "e3 piece b 0@0+500 of 1"]);
  w.want(1, "a");
  assert.deepEqual(heard(), ["c7 want a"]);
  w.word(7, VALUES.none, "a");
  assert.deepEqual(heard(), ["e1 none a"]);
});

Deno.test("a client that is gone is not waited for, an engine that is gone is told nothing", () => {
  const { heard, ...w } = world(1000, [7]);
  w.put(7, "a", [500]);
  w.put(8, "b", [500]);
  w.want(1, "a");
  assert.deepEqual(heard(), ["c8 kept b", "e1 none a"]);
  w.put(8, "c", [500]);
  w.want(2, "b");
  w.values.forget("e2");
  heard();
  w.put(8, "b", [500]);
  assert.deepEqual(heard(), ["c8 kept b"]);
});

Deno.test("what is larger than all that may be kept, or does not come in order, is refused", () => {
  const { heard, ...w } = world(1000);
  w.put(7, "a", [2000]);
  assert.deepEqual(heard(), ["c7 none a"]);
  w.put(7, "b", [10, 10, 10], 1);
  assert.deepEqual(heard(), ["c7 none b", "c7 none b"]);
  w.want(1, "b");
  assert.deepEqual(heard(), ["e1 none b"]);
});

Deno.test("another client's pieces do not get into a value, and its words mean nothing of it", () => {
  const { heard, ...w } = world();
  w.put(7, "a", [10, 20]);
  heard();
  w.put(8, "a", [10, 20], 1);
  assert.deepEqual(heard(), ["c8 none a"]);
  w.want(1, "a");
  assert.equal(heard().length, 2);
});

Deno.test("a value that comes twice is there all the time", () => {
  const { heard, ...w } = world();
  w.put(7, "a", [10, 20]);
  w.put(7, "a", [10]);
  w.want(1, "a");
  assert.equal(heard().filter((text) => text.startsWith("e1 piece")).length, 2);
  w.put(7, "a", [10, 20], 1);
  assert.deepEqual(heard(), ["c7 kept a"]);
});

Deno.test("who keeps the most makes room, with what it used longest ago", () => {
  const { heard, ...w } = world(3000);
  w.put(7, "a", [300]);
  for (const letter of "bcd") w.put(8, letter, [500]);
  w.want(1, "b");
  w.put(8, "e", [500]);
  heard();
  w.want(1, "abcde");
  assert.deepEqual(heard().filter((text) => text.includes("want")), ["c8 want c"]);
});
