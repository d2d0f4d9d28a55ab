import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type BroadcastAction,
  BroadcastCore,
  type BroadcastEvent,
} from "../../src/scheduler/broadcast_core.ts";

type Event = BroadcastEvent<string, string>;
type Action = BroadcastAction<string, string>;

/** What an action is, in a word or two. */
function told(action: Action): string {
  switch (action.kind) {
    case "send":
      return `send ${action.request} to ${action.targets.map(({ uuid, id }) => `${uuid}=${id}`)}`;
    case "relay":
    case "keep":
      return `${action.kind} ${action.request} of ${action.uuid}: ${action.reply}`;
    case "refuse":
    case "lose":
      return `${action.kind} ${action.request} at ${action.target.uuid}`;
    case "coalesce": {
      const parts = action.outcomes.map(({ target, reply }) => `${target.uuid}: ${reply ?? "none"}`);
      return `coalesce ${action.request} ${action.isHeard ? "" : "unheard "}(${parts})`;
    }
  }
}

function conversation(...uuids: string[]) {
  const core = new BroadcastCore<string, string>();
  const say = (event: Event) => core.step(event).map(told);
  uuids.forEach((uuid, id) => say({ kind: "engine_registered", uuid, id }));
  return {
    core,
    say,
    submit: (key: string, uuids: string[], isCoalescing = false) => {
      const targets = uuids.map((uuid, i) => ({ uuid, id: 100 + i }));
      return say({ kind: "submitted", key, isCoalescing, targets, request: key });
    },
    reply: (key: string, uuid: string, reply = "ok") => say({ kind: "replied", key, uuid, reply }),
    gone: (uuid: string, at: number) => say({ kind: "engine_unregistered", uuid, at }),
    tick: (at: number) => say({ kind: "tick", at }),
  };
}

Deno.test("each engine's reply is relayed once, late and unknown ones are not", () => {
  const { core, submit, reply } = conversation("a", "b");
  assert.deepEqual(submit("M", ["a", "b", "a"]), ["send M to a=0,b=1"]);
  assert.deepEqual(reply("M", "b"), ["relay M of b: ok"]);
  assert.deepEqual(reply("M", "b"), []);
  assert.deepEqual(reply("M", "c"), []);
  assert.deepEqual(reply("N", "a"), []);
  assert.deepEqual(reply("M", "a"), ["relay M of a: ok"]);
  assert.equal(core.open, 0);
  assert.deepEqual(reply("M", "a"), []);
});

Deno.test("a coalescing request ends with all replies in the order of its targets", () => {
  const { core, submit, reply } = conversation("a", "b");
  submit("M", ["b", "a"], true);
  assert.deepEqual(reply("M", "a", "from a"), ["keep M of a: from a"]);
  assert.deepEqual(reply("M", "b", "from b"), ["keep M of b: from b", "coalesce M (b: from b,a: from a)"]);
  assert.equal(core.open, 0);
});

Deno.test("engines that are not there are answered for at once, the others do their part", () => {
  const { core, submit, reply, gone } = conversation("a", "b");
  assert.deepEqual(submit("M", ["x", "a"]), ["send M to a=0", "refuse M at x"]);
  assert.deepEqual(submit("N", ["x", "a"], true), ["send N to a=0"]);
  assert.deepEqual(reply("N", "a"), ["keep N of a: ok", "coalesce N (x: none,a: ok)"]);
  assert.deepEqual(submit("O", ["x", "y"], true), ["coalesce O (x: none,y: none)"]);
  gone("b", 0);
  assert.deepEqual(submit("P", ["b"]), ["refuse P at b"]);
  reply("M", "a");
  assert.equal(core.open, 0);
});

Deno.test("an engine that dies: its client knows, the record ends after the grace, and nothing stays", () => {
  const { core, submit, reply, gone, tick } = conversation("a", "b");
  submit("M", ["a", "b"]);
  submit("N", ["a", "b"], true);
  submit("O", ["a"], true);
  gone("a", 1000);
  assert.equal(core.nextTick, 1100);
  assert.deepEqual(reply("O", "a"), ["keep O of a: ok", "coalesce O unheard (a: ok)"]);
  assert.deepEqual(tick(1099), []);
  assert.deepEqual(tick(1100), ["lose M at a", "lose N at a"]);
  assert.equal(core.nextTick, Infinity);
  assert.deepEqual(reply("M", "a"), []);
  assert.deepEqual(reply("M", "b"), ["relay M of b: ok"]);
  assert.deepEqual(reply("N", "b"), ["keep N of b: ok", "coalesce N unheard (a: none,b: ok)"]);
  assert.equal(core.open, 0);
});

Deno.test("a client that is told of each engine waits for the others when one has left", () => {
  const { core, say, reply, gone, tick } = conversation("a", "b");
  const targets = ["a", "b"].map((uuid, i) => ({ uuid, id: 100 + i }));
  const request = { key: "M", isCoalescing: true, isPatient: true, targets, request: "M" };
  assert.deepEqual(say({ kind: "submitted", ...request }), ["send M to a=0,b=1"]);
  gone("a", 1000);
  assert.deepEqual(reply("M", "b"), ["keep M of b: ok"]);
  assert.deepEqual(tick(2000), ["lose M at a", "coalesce M (a: none,b: ok)"]);
  assert.equal(core.open, 0);
});

Deno.test("an engine that registers anew has nothing of before", () => {
  const { core, say, submit, reply } = conversation("a");
  submit("M", ["a"]);
  assert.deepEqual(say({ kind: "engine_registered", uuid: "a", id: 5 }), ["lose M at a", "refuse M at a"]);
  assert.deepEqual(reply("M", "a"), []);
  assert.deepEqual(submit("N", ["a"]), ["send N to a=5"]);
  reply("N", "a");
  assert.equal(core.open, 0);
});

Deno.test("whatever happens, every copy ends once and every coalescing request once", () => {
  const uuids = ["a", "b", "c", "d"];
  const uuid = fc.constantFrom(...uuids);
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("submit" as const),
      targets: fc.uniqueArray(uuid, { minLength: 1 }),
      isCoalescing: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("reply" as const), key: fc.nat(20), uuid }),
    fc.record({ kind: fc.constant("gone" as const), uuid }),
    fc.record({ kind: fc.constant("come" as const), uuid }),
    fc.record({ kind: fc.constant("tick" as const) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const core = new BroadcastCore<string, string>();
    const copies = new Map<string, number>(), wholes = new Map<string, number>();
    let at = 0, last = 0;
    const act = (event: Event) => {
      for (const action of core.step(event)) {
        if (action.kind === "send") continue;
        // Beside the end of its record, where the client has not heard that the engine left.
        const isSecond = action.kind === "refuse" && copies.has(`${action.request} ${action.target.uuid}`);
        if (isSecond) continue;
        const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
        if (action.kind === "coalesce") {
          count(wholes, action.request);
          for (const { target, reply } of action.outcomes) {
            // Those that never got it have no action of their own.
            if (reply === null && !copies.has(`${action.request} ${target.uuid}`)) {
              count(copies, `${action.request} ${target.uuid}`);
            }
          }
        } else {
          count(
            copies,
            `${action.request} ${
              action.kind === "relay" || action.kind === "keep" ? action.uuid : action.target.uuid
            }`,
          );
        }
      }
    };
    const expected = new Set<string>(), coalescing = new Set<string>();
    for (const one of steps) {
      at += 30;
      if (one.kind === "submit") {
        const key = String(last++);
        for (const name of one.targets) expected.add(`${key} ${name}`);
        if (one.isCoalescing) coalescing.add(key);
        const targets = one.targets.map((uuid, id) => ({ uuid, id }));
        act({ kind: "submitted", key, isCoalescing: one.isCoalescing, targets, request: key });
      } else if (one.kind === "reply") {
        act({ kind: "replied", key: String(one.key), uuid: one.uuid, reply: "ok" });
      } else if (one.kind === "gone") act({ kind: "engine_unregistered", uuid: one.uuid, at });
      else if (one.kind === "come") act({ kind: "engine_registered", uuid: one.uuid, id: 1 });
      else act({ kind: "tick", at });
    }
    for (const name of uuids) act({ kind: "engine_unregistered", uuid: name, at });
    act({ kind: "tick", at: at + 1000 });
    assert.equal(core.open, 0);
    assert.equal(core.nextTick, Infinity);
    assert.deepEqual([...copies.keys()].sort(), [...expected].sort());
    assert([...copies.values()].every((n) => n === 1));
    assert.deepEqual([...wholes.keys()].sort(), [...coalescing].sort());
    assert([...wholes.values()].every((n) => n === 1));
  }));
});
