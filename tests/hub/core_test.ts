/** Runs the conversations in tests/scenarios/hub with the hub's core. */

import assert from "node:assert/strict";
import { type HubAction, HubCore, type HubEvent } from "../../src/hub/core.ts";
import { NO_OFFER } from "../../src/protocol/task_asks.ts";

const START = 1_000_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function newCore(): HubCore {
  return new HubCore({
    periodMs: 1000,
    maxMisses: 2,
    registrationTimeoutMs: 5000,
    startedAt: START,
    connectionInfo: () => ({}),
    extension: { version: 1, nonce: "0" },
  });
}

function eventOf(line: string, at: number): HubEvent {
  const [word = "", name = "", ...rest] = line.split(" ");
  switch (word) {
    case "register": {
      const id = rest.find((part) => part.startsWith("id="));
      const ours = rest.includes("ours") ? { host: "here", pid: 1, sandbox: "", offer: NO_OFFER } : null;
      return {
        kind: "registration_requested",
        at,
        rid: encoder.encode(name),
        uuid: name,
        id: id === undefined ? undefined : Number(id.slice(3)),
        ours,
      };
    }
    case "subscribe":
      return { kind: "heart_subscribed", at };
    case "pong":
      return { kind: "ponged", at, pongs: name.split(",").map((uuid) => ({ uuid, payload: rest[0] ?? "" })) };
    case "tick":
      return { kind: "ticked", at };
    case "unregister":
      return { kind: "unregistration_requested", at, id: Number(name) };
    case "goodbye":
      return { kind: "engine_said_goodbye", at, uuid: name };
    case "died":
      return { kind: "engine_process_ended", at, uuid: name };
    default:
      throw new Error(`Cannot read event "${line}"`);
  }
}

function textOf(action: HubAction): string | undefined {
  switch (action.kind) {
    case "reply_registration": {
      const { status, id, ename } = action.content;
      return `reply ${decoder.decode(action.rid)} ${status === "ok" ? `id=${id}` : ename}`;
    }
    case "ping":
      return `ping ${action.payload}`;
    case "announce_engine":
      return `engine ${action.engine.id} ${action.engine.uuid}`;
    case "announce_departure":
      return `gone ${action.engine.id} ${action.engine.uuid} ${action.reason}`;
    case "tell_given_up":
      return `given_up ${action.id} ${action.uuid}`;
    case "fail_requests":
      return `fail ${action.engine.id}`;
    case "log":
      return undefined;
  }
}

/** Replays a scenario; the transcript that comes out must be the one that went in. */
function replay(lines: readonly string[]): string[] {
  const core = newCore();
  let at = START;
  const transcript: string[] = [];
  for (const line of lines) {
    if (line.startsWith("<")) continue;
    transcript.push(line);
    if (line.startsWith("@")) at = START + Number(line.slice(2));
    else {
      for (const action of core.step(eventOf(line.slice(2), at))) {
        const text = textOf(action);
        if (text !== undefined) transcript.push(`< ${text}`);
      }
    }
  }
  return transcript;
}

const folder = new URL("../scenarios/hub/", import.meta.url);
for (const entry of Deno.readDirSync(folder)) {
  const lines = Deno.readTextFileSync(new URL(entry.name, folder)).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const starts = lines.flatMap((line, i) => line.startsWith("scenario ") ? [i] : []);
  for (const [k, start] of starts.entries()) {
    const body = lines.slice(start + 1, starts[k + 1]);
    Deno.test(`HubCore: ${lines[start]!.slice("scenario ".length)}`, () => {
      assert.deepEqual(replay(body), body);
    });
  }
}
