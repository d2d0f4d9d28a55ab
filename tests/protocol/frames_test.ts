/** Jupyter messages as frames: what is written is read, once, and everything else is a BadMessage. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import {
  BadMessage,
  DELIMITER,
  findDelimiter,
  isoTime,
  parseIso,
  Session,
} from "../../src/protocol/frames.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { JSON_PACKER, loadPacker } from "../../src/protocol/packers.ts";

/** Opens the library of the MAC, which stays open, before any test counts what it left open. */
createMac("warm").hex([]);

const encoder = new TextEncoder();
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const json = (value: unknown) => encoder.encode(JSON.stringify(value));

function signed(key: string, parts: readonly Uint8Array[]): Uint8Array[] {
  const mac = createHmac("sha256", key);
  for (const part of parts.slice(0, 4)) mac.update(part);
  return [DELIMITER, encoder.encode(mac.digest("hex")), ...parts];
}

const HEADER = {
  msg_id: "a_1_1",
  msg_type: "apply_request",
  session: "a",
  username: "me",
  date: "2026-11-23T08:21:21.123456Z",
  version: "5.4",
};

function kindOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof BadMessage, `${error}`);
    return error.kind;
  }
  return "(taken)";
}

Deno.test("a message is read as it was written, by another session with the same key", () => {
  const [alice, bob] = [new Session({ key: "k", username: "alice", pid: 7 }), new Session({ key: "k" })];
  const buffers = [new Uint8Array([1]), DELIMITER, new Uint8Array(0)];
  const idents = [encoder.encode("engine"), new Uint8Array([0, 1])];
  const frames = [...idents, ...alice.message("x_request", { a: "é" }, { metadata: { m: 1 }, buffers })];
  const message = bob.parse(frames);
  assert.deepEqual(message.idents, idents);
  assert.deepEqual(message.content, { a: "é" });
  assert.deepEqual(message.metadata, { m: 1 });
  assert.deepEqual(message.parentHeader, {});
  assert.deepEqual(message.buffers, buffers);
  const { header } = message;
  assert.deepEqual([header.msg_type, header.username, header.session], ["x_request", "alice", alice.session]);
  assert.equal(header.msg_id, `${alice.session}_7_1`);
  assert.match(header.date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.match(header.version, /^5/);
});

Deno.test("signatures are those of Python's session", () => {
  const parts = [json(HEADER), json({}), json({}), json({ b: 1 }), encoder.encode("buffer")];
  assert.deepEqual(new Session({ key: "secret" }).parse(signed("secret", parts)).content, { b: 1 });
  const frames = new Session({ key: "secret" }).message("x", {}, { buffers: [encoder.encode("unsigned")] });
  assert.deepEqual(frames.slice(0, 2), signed("secret", frames.slice(2)).slice(0, 2));
});

Deno.test("a reply carries its request's whole header, unknown keys too", () => {
  const session = new Session({ key: "k" });
  const request = session.parse(
    signed("k", [json({ ...HEADER, subshell_id: "s" }), json({}), json({}), json({})]),
  );
  assert.equal(request.header["subshell_id"], "s");
  const reply = new Session({ key: "k" }).parse(
    session.message("apply_reply", {}, { parent: request.header }),
  );
  assert.deepEqual(reply.parentHeader, { ...HEADER, subshell_id: "s" });
});

Deno.test("a header can be changed, and written again as it is", () => {
  const session = new Session({ key: "k", pid: 1 });
  const frames = session.message("x", {}, { header: { msg_id: "mine", session: "other", extra: 1 } });
  const { header } = new Session({ key: "k" }).parse(frames);
  assert.deepEqual([header.msg_id, header.session, header["extra"]], ["mine", "other", 1]);
  assert.equal(session.nextNumber(), 1);
  assert.equal(session.header("y").msg_id, session.msgId(2));
  assert.deepEqual(text(session.pack(header, {})[2]), text(frames[2]));
});

Deno.test("the same message is taken once, a damaged one too", () => {
  const frames = new Session({ key: "k" }).message("x", {});
  const session = new Session({ key: "k" });
  session.parse(frames);
  assert.equal(kindOf(() => session.parse(frames)), "duplicate");
  assert.equal(kindOf(() => session.remains(frames)), "duplicate");
  const header = encoder.encode('{"msg_id": 7, "version": "5.4"}'), broken = encoder.encode("{");
  const damaged = session.signed([header, broken, broken, broken]);
  assert.equal(kindOf(() => session.parse(damaged)), "bad header");
  assert.deepEqual(session.remains(damaged), { header: { msg_id: 7, version: "5.4" }, parentHeader: {} });
  assert.equal(kindOf(() => session.remains(damaged)), "duplicate");
  assert.equal(
    kindOf(() => session.remains(new Session({ key: "other" }).message("x", {}))),
    "bad signature",
  );
  assert.equal(kindOf(() => session.parse([encoder.encode("other ident"), ...frames])), "duplicate");
});

Deno.test("the memory of signatures is bounded and keeps most", () => {
  const writer = new Session({ key: "k" });
  const session = new Session({ key: "k" });
  const first = Array.from({ length: 200 }, () => writer.message("x", {}));
  for (const frames of first) session.parse(frames);
  for (let i = 0; i < 65_537; i++) session.parse(writer.message("x", {}));
  const taken = first.filter((frames) => kindOf(() => session.parse(frames)) === "(taken)").length;
  assert.ok(taken > 0 && taken < 60, `${taken} of 200 forgotten`);
});

Deno.test("everything that is no message of ours is a BadMessage of its kind", () => {
  const session = () => new Session({ key: "k" });
  const good = session().message("x", {});
  const parse = (frames: Uint8Array[]) => kindOf(() => session().parse(frames));
  const header = (change: object) =>
    parse(signed("k", [json({ ...HEADER, ...change }), json({}), json({}), json({})]));
  assert.equal(parse(good), "(taken)");
  assert.equal(parse([]), "no delimiter");
  assert.equal(parse(good.slice(1)), "no delimiter");
  assert.equal(parse(good.slice(0, 5)), "too few frames");
  assert.equal(parse([good[0]!, encoder.encode("0".repeat(64)), ...good.slice(2)]), "bad signature");
  assert.equal(parse([good[0]!, new Uint8Array(0), ...good.slice(2)]), "bad signature");
  assert.equal(kindOf(() => new Session({ key: "other" }).parse(good)), "bad signature");
  assert.equal(parse(signed("k", [json(HEADER), json({}), encoder.encode("{"), json({})])), "not readable");
  assert.equal(parse(signed("k", [json(HEADER), json({}), json([]), json({})])), "not readable");
  assert.equal(parse(signed("k", [json(HEADER), json(null), json({}), json({})])), "not readable");
  assert.equal(
    parse(signed("k", [json(HEADER), json({}), json({}), new Uint8Array([0xff])])),
    "not readable",
  );
  assert.equal(header({ version: undefined }), "version");
  assert.equal(header({ version: "4.1" }), "version");
  assert.equal(header({ version: 5 }), "version");
  assert.equal(header({ msg_id: undefined }), "bad header");
  assert.equal(header({ msg_type: 5 }), "bad header");
  assert.equal(header({ username: undefined }), "(taken)");
});

Deno.test("text that is no UTF-8 is read as Python reads it, since Python writes it for names of files", () => {
  const bytes = [...encoder.encode('{"text": "caf'), 0xe9, ...encoder.encode('"}')];
  const frames = signed("k", [json(HEADER), json({}), json({}), new Uint8Array(bytes)]);
  assert.deepEqual(new Session({ key: "k" }).parse(frames).content, { text: "caf\ufffd" });
});

Deno.test("what nests deeper than anybody could write again is not taken", async () => {
  const deep = (levels: number) => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`) as unknown;
  for (const packer of [JSON_PACKER, await loadPacker("msgpack")]) {
    const [writer, reader] = [new Session({ key: "k", packer }), new Session({ key: "k", packer })];
    assert.ok(reader.parse(writer.message("x", { value: deep(999) })));
    assert.equal(kindOf(() => reader.parse(writer.message("x", { value: deep(1001) }))), "not readable");
    assert.equal(
      kindOf(() => reader.parse(writer.message("x", {}, { metadata: { label: deep(1001) } }))),
      "not readable",
    );
  }
  const far = encoder.encode(`{"label": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
  const frames = signed("k", [json(HEADER), json({}), far, json({})]);
  assert.equal(kindOf(() => new Session({ key: "k" }).parse(frames)), "not readable");
});

Deno.test("any changed byte of the signed frames is noticed", () => {
  const good = new Session({ key: "k" }).message("x", { a: 1 }, { metadata: { b: 2 } });
  const session = new Session({ key: "k" });
  for (let frame = 1; frame < 6; frame++) {
    for (let at = 0; at < good[frame]!.length; at++) {
      const bad = good.map((bytes) => bytes.slice());
      bad[frame]![at]! ^= 1;
      assert.equal(kindOf(() => session.parse(bad)), "bad signature");
    }
  }
  assert.equal(kindOf(() => session.parse(good)), "(taken)");
});

Deno.test("random frames are a BadMessage", () => {
  const frame = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(DELIMITER), fc.constant(json(HEADER)));
  const [signing, open] = [new Session({ key: "k" }), new Session({ key: "" })];
  fc.assert(fc.property(fc.array(frame, { maxLength: 9 }), (frames) => {
    assert.notEqual(kindOf(() => signing.parse(frames)), "(taken)");
    kindOf(() => open.parse(frames));
  }));
});

Deno.test("without a key nothing is signed, checked or remembered", () => {
  const [writer, reader] = [new Session({ key: "" }), new Session({ key: "" })];
  const frames = writer.message("x", { a: 1 });
  assert.equal(frames[1]!.length, 0);
  assert.deepEqual(reader.parse(frames).content, { a: 1 });
  assert.deepEqual(reader.parse(frames).content, { a: 1 });
});

Deno.test("findDelimiter() finds the first one", () => {
  assert.equal(findDelimiter([new Uint8Array(9), DELIMITER.slice(), DELIMITER]), 1);
  assert.equal(findDelimiter([DELIMITER, new Uint8Array(1)], 1), -1);
});

Deno.test("parse() can begin behind frames that are not the message's", () => {
  const frames = [DELIMITER, encoder.encode("topic"), ...new Session({ key: "k" }).message("x", {})];
  assert.deepEqual(new Session({ key: "k" }).parse(frames, 1).idents.map(text), ["topic"]);
});

Deno.test("msgpack messages are read by msgpack sessions", async () => {
  const packer = await loadPacker("msgpack");
  const [writer, reader] = [new Session({ key: "k", packer }), new Session({ key: "k", packer })];
  const frames = writer.message("x", { a: [1, "é", null, { b: 1.5 }], none: undefined });
  assert.notEqual(frames[2]![0], "{".charCodeAt(0));
  assert.deepEqual(reader.parse(frames).content, { a: [1, "é", null, { b: 1.5 }] });
  assert.equal(kindOf(() => new Session({ key: "k" }).parse(frames)), "not readable");
});

Deno.test("packers are chosen as the connection file names them", async () => {
  for (const name of ["json", "orjson", "", "jupyter_client.session.json_packer"]) {
    assert.equal(await loadPacker(name).catch((error) => error.message), JSON_PACKER, name);
  }
  await assert.rejects(loadPacker("pickle"), /Cannot use pack "pickle"/);
  await assert.rejects(loadPacker("mine.own"), /Cannot use pack "mine.own"/);
  await assert.rejects(loadPacker("json", "msgpack"), /must agree/);
});

Deno.test("times keep their microseconds", () => {
  assert.equal(isoTime(1_000_000_000_000.001), "2001-09-09T01:46:40.000001Z");
  assert.equal(isoTime(0), "1970-01-01T00:00:00.000000Z");
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => {
    const iso = isoTime(micros / 1000);
    assert.equal(Math.round(parseIso(iso) * 1000), micros);
    assert.equal(isoTime(parseIso(iso)), iso);
  }));
});

Deno.test("parseIso() reads what Python writes and nothing else", () => {
  const expected = Date.UTC(2026, 10, 23, 8, 21, 21);
  for (const zone of ["Z", "+00:00", "-0000"]) assert.equal(parseIso(`2026-11-23T08:21:21${zone}`), expected);
  assert.equal(parseIso("2026-11-23T10:21:21.5+0200"), expected + 500);
  assert.equal(parseIso("2026-11-23T08:21:21"), new Date(2026, 10, 23, 8, 21, 21).getTime());
  for (
    const bad of [
      "",
      "2026-11-23",
      "2026-11-23T08:21:21.1234567Z",
      "x2026-11-23T08:21:21Z",
      "2026-13-23T08:21:21Z",
    ]
  ) {
    assert.ok(Number.isNaN(parseIso(bad)), bad);
  }
});

Deno.test("a list that was packed piece by piece is what the dictionary packed as a whole has", async () => {
  for (const packer of [await loadPacker("json"), await loadPacker("msgpack")]) {
    for (const count of [0, 1, 15, 16, 70_000]) {
      const items = Array.from({ length: count }, (_, i) => i % 3 === 0 ? { i, text: "é" } : `item ${i}`);
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < count; i += 50) pieces.push(packer.items(items.slice(i, i + 50)));
      const parts = packer.withList({ status: "ok", none: null }, "records", count, pieces);
      const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
      assert.deepEqual(packer.unpack(bytes), { status: "ok", none: null, records: items });
    }
  }
});
