/** Real peers' messages go through our parser and writer, and nothing of them is lost; what was changed on the way is refused. */
import assert from "node:assert/strict";
import { findDelimiter, type Header, Session } from "../../src/protocol/frames.ts";
import { BadMessage } from "../../src/protocol/errors.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { parseConnection } from "../../src/protocol/connection_file.ts";
import { differences, shapeOf } from "./shapes.ts";
import { type Captured, loadCapture, PACKERS, readAll } from "./vectors.ts";

// The library stays open once it was needed; that is nothing that a test leaks.
createMac("a key").hex([]);

const decoder = new TextDecoder();

/** Message types that stand in the captures, by the way that they went. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "client registration controller": [
    "connection_request",
    "db_request",
    "history_request",
    "nosuch_request",
    "purge_request",
    "queue_request",
    "registration_request",
    "result_request",
    "resubmit_request",
    "shutdown_request",
  ],
  "client registration peer": [
    "connection_reply",
    "db_reply",
    "history_reply",
    "hub_error",
    "purge_reply",
    "queue_reply",
    "registration_reply",
    "result_reply",
    "resubmit_reply",
    "shutdown_reply",
  ],
  "engine registration controller": ["registration_request", "unregistration_request"],
  "engine registration peer": ["registration_reply"],
  "client notification peer": [
    "registration_notification",
    "shutdown_notification",
    "unregistration_notification",
  ],
  "engine mux peer": [
    "apply_request",
    "comm_info_request",
    "complete_request",
    "execute_request",
    "history_request",
    "inspect_request",
    "is_complete_request",
    "kernel_info_request",
  ],
  "engine control peer": [
    "abort_request",
    "clear_request",
    "comm_info_request",
    "interrupt_request",
    "kernel_info_request",
    "shutdown_request",
    "signal_request",
  ],
  "client task peer": ["apply_reply"],
  "engine broadcast controller": ["apply_reply", "execute_reply"],
  "engine iopub controller": [
    "clear_output",
    "display_data",
    "error",
    "execute_input",
    "execute_result",
    "iopub_welcome",
    "shutdown_reply",
    "status",
    "stream",
  ],
};

for (const name of PACKERS) {
  Deno.test(`${name} vectors: every kind of message is there, and our parser reads each`, async () => {
    const types = new Map<string, Set<string>>();
    for (const { event, message } of readAll(await loadCapture(name))) {
      const way = `${event.socket} ${event.to}`;
      types.set(way, (types.get(way) ?? new Set()).add(message.header.msg_type));
      assert.equal(message.idents.length, findDelimiter(event.frames));
      assert.match(message.header.date, /^\d{4}-\d\d-\d\dT/);
    }
    for (const [way, wanted] of Object.entries(EXPECTED)) {
      assert.deepEqual([...types.get(way)!].sort(), wanted.toSorted());
    }
  });

  Deno.test(`${name} vectors: our writer makes messages that say the same`, async () => {
    const capture = await loadCapture(name);
    const { key, packer } = capture;
    for (const { message } of readAll(capture)) {
      const { idents, header, parentHeader, metadata, content, buffers } = message;
      const frames = new Session({ key, packer }).pack(header, content, {
        parent: parentHeader,
        metadata,
        buffers,
      });
      const again = new Session({ key, packer }).parse([...idents, ...frames]);
      assert.deepEqual(again, message);
      assert.deepEqual(differences(shapeOf({ ...message }), shapeOf({ ...again })), []);
    }
  });

  Deno.test(`${name} vectors: a byte that was changed makes the signature wrong`, async () => {
    const capture = await loadCapture(name);
    for (const { event } of readAll(capture)) {
      const at = findDelimiter(event.frames);
      for (let part = at + 1; part < at + 6; part++) {
        const changed = event.frames.map((frame) => frame.slice());
        changed[part]![changed[part]!.length >> 1]! ^= 1;
        assert.throws(() => new Session(capture).parse(changed), BadMessage);
      }
      assert.throws(
        () => new Session({ ...capture, key: "another key" }).parse(event.frames),
        /bad signature/,
      );
    }
  });

  Deno.test(`${name} vectors: what was relayed is the same on both sides`, async () => {
    const capture = await loadCapture(name);
    const all = readAll(capture);
    const relayed = (socket: string, to: string) =>
      all.filter(({ event }) => event.socket === socket && event.to === to);
    for (const channel of ["mux", "control"]) {
      isSame(relayed(`client ${channel}`, "controller"), relayed(`engine ${channel}`, "peer"));
      isSame(relayed(`engine ${channel}`, "controller"), relayed(`client ${channel}`, "peer"));
    }
  });
}

/** Holds that the same messages went in as came out, whatever their order. */
function isSame(inward: readonly Captured[], outward: readonly Captured[]): void {
  const texts = (list: readonly Captured[]) =>
    list.map(({ event: { frames } }) => {
      return frames.slice(findDelimiter(frames)).map((frame) => decoder.decode(frame)).join("|");
    }).sort();
  assert.deepEqual(texts(outward), texts(inward));
}

Deno.test("connection files of ipyparallel's controller are read", async () => {
  for (const name of PACKERS) {
    const { clientFile, engineFile, key } = await loadCapture(name);
    const ports = (file: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      JSON.parse(JSON.stringify(file), (_, value) => value === 0 ? 10101 : value);
    const client = parseConnection(JSON.stringify(ports(clientFile)), "client", "the capture");
    const engine = parseConnection(JSON.stringify(ports(engineFile)), "engine", "the capture");
    assert.deepEqual([client.key, client.pack, engine.key, engine.pack], [key, name, key, name]);
  }
});

Deno.test("headers keep keys that we do not know", async () => {
  const capture = await loadCapture("json");
  const { message } = readAll(capture)[0]!;
  const header = { ...message.header, subshell_id: null } as Header;
  const frames = new Session(capture).pack(header, {});
  assert.equal(new Session(capture).parse(frames).header["subshell_id"], null);
});
