/** What an engine takes for a client's memory, and what it refuses. */
import assert from "node:assert/strict";
import { ClientMemories, ClientMemory } from "../../src/engine/client_memory.ts";
import { closeFd, cString, libc } from "../../src/native/libc.ts";
import { populate, SharedFile } from "../../src/native/shared_file.ts";
import { CHUNK_PIECE_BYTES } from "../../src/protocol/groups.ts";
import {
  argumentOffset,
  type MemoryOffer,
  resultOffset,
  SHARED_BYTES,
  SHARED_DONE_AT,
  SHARED_PLACES,
  sharedName,
} from "../../src/protocol/shared_layout.ts";

// Before the first test, which would otherwise be told that it left a library open.
libc();

const TAG = 0xabc;
const TOKEN = new Uint8Array(32).fill(0x5a);
const MFD_HUGETLB = 4;

function offerOf(fd: number, more: Partial<MemoryOffer> = {}): MemoryOffer {
  return { pid: Deno.pid, fd, tag: TAG, token: "5a".repeat(32), ...more };
}

function withFile(use: (file: SharedFile) => void, bytes = SHARED_BYTES, name = sharedName(TAG)): void {
  const file = SharedFile.create(name, bytes);
  try {
    file.write(0, TOKEN);
    use(file);
  } finally {
    file.close();
  }
}

/** Asks with a file that was made some other way. */
function opensRaw(flags: number, bytes: number, seals: number): boolean {
  const fd = libc().memfd_create(cString(sharedName(TAG)), flags);
  assert.ok(fd >= 0);
  try {
    assert.equal(libc().ftruncate(fd, BigInt(bytes)), 0);
    assert.ok((flags & MFD_HUGETLB) > 0 || Number(libc().pwrite(fd, TOKEN, 32n, 0n)) === 32);
    if (seals > 0) assert.equal(libc().fcntl(fd, 1033, BigInt(seals)), 0);
    const memory = ClientMemory.open(offerOf(fd));
    memory?.release();
    return memory !== null;
  } finally {
    closeFd(fd);
  }
}

Deno.test("ClientMemory takes what is offered, and nothing else", () => {
  withFile((file) => {
    const memory = ClientMemory.open(offerOf(file.fd));
    assert.ok(memory?.isThere);
    memory.release();
    assert.equal(ClientMemory.open(offerOf(file.fd, { token: "5b".repeat(32) })), null);
    assert.equal(ClientMemory.open(offerOf(file.fd, { tag: TAG + 1 })), null);
    assert.equal(ClientMemory.open(offerOf(file.fd + 500)), null);
    assert.equal(ClientMemory.open(offerOf(file.fd, { pid: 0x3fff_fff0 })), null);
  });
  withFile(
    (file) => assert.equal(ClientMemory.open(offerOf(file.fd)), null),
    SHARED_BYTES - CHUNK_PIECE_BYTES,
  );
  withFile((file) => assert.equal(ClientMemory.open(offerOf(file.fd)), null), SHARED_BYTES, "something-else");
});

Deno.test("ClientMemory refuses memory that can change its size, cannot be written, or has large pages", () => {
  const sealing = 2, all = 1 | 2 | 4, noWriting = 8;
  assert.equal(opensRaw(sealing, SHARED_BYTES, 0), false);
  assert.equal(opensRaw(sealing, SHARED_BYTES, 2 | 4), false, "seals could be added");
  assert.equal(opensRaw(sealing, SHARED_BYTES, 1 | 2), false, "it could grow");
  assert.equal(opensRaw(sealing, SHARED_BYTES, all | noWriting), false);
  const huge = libc().memfd_create(cString("try"), sealing | MFD_HUGETLB);
  if (huge < 0) return;
  closeFd(huge);
  const pages = 2 << 20;
  assert.equal(opensRaw(sealing | MFD_HUGETLB, Math.ceil(SHARED_BYTES / pages) * pages, all), false);
});

Deno.test("ClientMemory reads a piece's place and length and no more", () => {
  withFile((file) => {
    const memory = ClientMemory.open(offerOf(file.fd))!;
    const last = SHARED_PLACES.arguments - 1;
    file.write(argumentOffset(last), new Uint8Array(CHUNK_PIECE_BYTES).fill(7));
    for (const length of [1, 4095, 4096, 4097, CHUNK_PIECE_BYTES]) {
      const into = new Uint8Array(CHUNK_PIECE_BYTES + 9).fill(1);
      memory.piece(last, length).copyInto(into);
      assert.deepEqual([into[0], into[length - 1], into[length]], [7, 7, 1]);
    }
    assert.throws(() => memory.piece(last + 1, 1), RangeError);
    assert.throws(() => memory.piece(0xffff_ffff, 1), RangeError);
    assert.throws(() => memory.piece(0, CHUNK_PIECE_BYTES + 1), RangeError);
    const kept = memory.piece(0, 9000);
    kept.hold();
    memory.release();
    kept.copyInto(new Uint8Array(9000));
    kept.release();
    assert.throws(() => kept.copyInto(new Uint8Array(9000)), /Cannot read 9000 bytes/);
  });
});

Deno.test("ClientMemory has room for so many results as its client is not done with, whatever it counts", () => {
  withFile((file) => {
    const memory = ClientMemory.open(offerOf(file.fd))!;
    const piece = new Uint8Array(5000).fill(3);
    const done = (count: number) =>
      file.write(SHARED_DONE_AT, new Uint8Array(new Uint32Array([count]).buffer));
    for (let place = 0; place < SHARED_PLACES.results; place++) assert.equal(memory.put(piece), place);
    assert.equal(memory.put(piece), -1);
    done(1);
    assert.equal(memory.put(piece), SHARED_PLACES.results);
    const found = new Uint8Array(5000);
    assert.ok(file.read(resultOffset(SHARED_PLACES.results), found));
    assert.deepEqual(found, piece);
    done(SHARED_PLACES.results + 1);
    assert.equal(memory.put(piece), 2 * SHARED_PLACES.results, "the first place again, once nothing waits");
    for (let i = 1; i < SHARED_PLACES.results; i++) assert.ok(memory.put(piece) > 2 * SHARED_PLACES.results);
    assert.equal(memory.put(piece), -1);
    for (const forged of [0xffff_ffff, 1000, 0x8000_0000]) {
      done(forged);
      assert.equal(memory.put(piece), -1, `${forged}`);
    }
    memory.release();
    assert.equal(memory.put(piece), -1);
  });
});

Deno.test("ClientMemories forgets what its client has not any more, and everything at the end", () => {
  const memories = new ClientMemories();
  withFile((file) => {
    assert.equal(memories.take(1, offerOf(file.fd)), true);
    assert.equal(memories.take(2, offerOf(file.fd)), true);
    memories.expire();
    assert.notEqual(memories.of(1), undefined);
    memories.drop(2);
    assert.equal(memories.of(2), undefined);
  });
  memories.expire();
  assert.equal(memories.of(1), undefined);
  memories.clear();
});

Deno.test("SharedFile stays within its bounds, and does nothing once it is closed", () => {
  withFile((file) => {
    for (const length of [8, 8192]) {
      const bytes = new Uint8Array(length).fill(9);
      assert.equal(file.write(SHARED_BYTES - length, bytes), true);
      for (const offset of [SHARED_BYTES - length + 1, SHARED_BYTES, -1, NaN]) {
        assert.equal(file.write(offset, bytes), false);
        assert.equal(file.read(offset, bytes), false);
      }
    }
    const found = new Uint8Array(8192);
    assert.ok(file.read(SHARED_BYTES - 8192, found));
    assert.ok(found.every((byte) => byte === 9));
    file.punch(SHARED_BYTES - 8192, 8192);
    assert.ok(file.read(SHARED_BYTES - 8192, found));
    assert.ok(found.every((byte) => byte === 0));
    file.close();
    assert.equal(file.read(0, found), false);
    assert.equal(file.write(0, found), false);
  });
});

Deno.test("populate() changes nothing in an array of any size and place", () => {
  for (const length of [0, 1, 4095, 4096, 300_000, 5 << 20]) {
    const array = new Uint8Array(length + 7).subarray(3, 3 + length).fill(5);
    populate(array);
    assert.ok(array.every((byte) => byte === 5));
  }
});
