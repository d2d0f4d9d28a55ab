/** The file of engines: Python's, byte for byte, and what is read from it. */
import assert from "node:assert/strict";
import { EngineState } from "../../src/hub/engine_state.ts";
import { type Engine, Registry } from "../../src/hub/registry.ts";
import { NO_OFFER } from "../../src/protocol/task_asks.ts";

const CARD = { host: "here", pid: 1, sandbox: "", offer: NO_OFFER };

function engine(id: number, uuid: string, ours: Engine["ours"] = null): Engine {
  return { id, uuid, ours, since: 0 };
}

function inFolder(run: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("save() writes what json.dump() would, and load() reads it with what is ours", () => {
  inFolder((folder) => {
    const state = new EngineState(folder, "abc");
    assert.equal(state.load(), undefined);
    state.save([engine(0, "a-1"), engine(3, 'é"', CARD)], 4);
    const path = `${folder}/log/enginesabc.json`;
    assert.equal(
      Deno.readTextFileSync(path),
      String.raw`{"engines": {"0": "a-1", "3": "\u00e9\""}, "next_id": 4}`,
    );
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual(state.load(), {
      engines: [{ id: 0, uuid: "a-1", isOurs: false }, { id: 3, uuid: 'é"', isOurs: true }],
      nextId: 4,
    });
    assert.deepEqual([...Deno.readDirSync(`${folder}/log`)].length, 2);
  });
});

Deno.test("a state that Python wrote is read; the next id is above all", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/log`);
    Deno.writeTextFileSync(`${folder}/log/engines.json`, '{"engines": {"7": "u"}, "next_id": 2}');
    const saved = new EngineState(folder, "").load();
    assert.deepEqual(saved, { engines: [{ id: 7, uuid: "u", isOurs: false }], nextId: 8 });
  });
});

Deno.test("what no controller writes is refused by name", () => {
  for (
    const text of [
      "",
      "[]",
      "{}",
      '{"engines": [], "next_id": 0}',
      '{"engines": {"x": "u"}, "next_id": 0}',
      '{"engines": {"1": 2}, "next_id": 0}',
      '{"engines": {}, "next_id": -1}',
    ]
  ) {
    inFolder((folder) => {
      Deno.mkdirSync(`${folder}/log`);
      Deno.writeTextFileSync(`${folder}/log/engines.json`, text);
      assert.throws(
        () => new EngineState(folder, "").load(),
        /^Error: Cannot restore the engines from ".*engines\.json": .*remove it, or start without --restore/,
        text,
      );
    });
  }
});

Deno.test("a restored registry: peers come by their heart, ours by their request, others get new ids", () => {
  const registry = new Registry();
  registry.restore({
    engines: [{ id: 2, uuid: "peer", isOurs: false }, { id: 5, uuid: "ours", isOurs: true }],
    nextId: 9,
  }, 1000);
  assert.equal(registry.size, 0);
  assert.deepEqual(registry.arrive("peer", 1001), engine2("peer", 2));
  assert.equal(registry.arrive("ours", 1001), undefined);
  assert.deepEqual(registry.request({ at: 1002, uuid: "new", ours: null }), {
    kind: "granted",
    id: 9,
    isAgain: false,
  });
  assert.deepEqual(registry.request({ at: 1003, uuid: "ours", ours: CARD }), {
    kind: "granted",
    id: 5,
    isAgain: false,
  });
  assert.deepEqual(registry.expire(1002.5).map(({ uuid }) => uuid), ["new"]);
  assert.equal(registry.nextId, 10);
});

Deno.test("a restored engine whose heart is not heard is forgotten in time", () => {
  const registry = new Registry();
  registry.restore({ engines: [{ id: 0, uuid: "peer", isOurs: false }], nextId: 1 }, 1000);
  assert.deepEqual(registry.expire(1001).map(({ uuid }) => uuid), ["peer"]);
  assert.equal(registry.arrive("peer", 1002), undefined);
});

function engine2(uuid: string, id: number): Engine {
  return { id, uuid, ours: null, since: 1001 };
}
