/** What the controller's policy says about whom. */
import assert from "node:assert/strict";
import { describe } from "../../src/protocol/permissions.ts";
import { Policy } from "../../src/protocol/policy.ts";

const key = (letter: string) => letter.repeat(40);
const [CONTROLLER, ADA, BOB, ENGINE, STRANGER] = ["c", "a", "b", "e", "s"].map(key) as [
  string,
  string,
  string,
  string,
  string,
];

const TEXT = {
  everyone: "none",
  clients: {
    ada: { key: ADA, permissions: "all" },
    bob: { key: BOB, permissions: { net: ["api.example.org:443"], read: ["/data"] } },
  },
  engines: [ENGINE],
};

Deno.test("each client has its cap, those without an entry have everyone's", () => {
  const policy = new Policy(TEXT, CONTROLLER);
  const said = (key: string) => {
    const cap = policy.capOf(key);
    return cap && `${cap.name}: ${describe(cap.permissions)}`;
  };
  assert.equal(policy.capOf(ADA)?.isAll, true);
  assert.equal(said(BOB), "bob: read /data, net api.example.org:443");
  assert.equal(said(STRANGER), "everyone: none");
  assert.equal(said(ENGINE), null, "an engine is no client");
  assert.equal(policy.capOf(CONTROLLER)?.isAll, true);
});

Deno.test("who may connect where", () => {
  const policy = new Policy({ ...TEXT, everyone: undefined }, CONTROLLER);
  const admitted = (key: string) =>
    (["client", "engine", "both"] as const).filter((side) => policy.admits(key, side));
  assert.deepEqual(admitted(ADA), ["client", "both"]);
  assert.deepEqual(admitted(ENGINE), ["engine", "both"]);
  assert.deepEqual(admitted(CONTROLLER), ["client", "both"]);
  assert.deepEqual(admitted(STRANGER), []);
  const open = new Policy({ everyone: "none", engines: "any", clients: TEXT.clients }, CONTROLLER);
  assert.equal(open.isEngine(STRANGER), true);
  assert.equal(open.isEngine(ADA), false, "a client that has a cap must not pose as an engine");
});

Deno.test("a policy reads itself from what it writes", () => {
  for (const text of [TEXT, { everyone: { read: ["/data"], deny: { read: ["/data/x"] } }, engines: "any" }]) {
    const policy = new Policy(text, CONTROLLER);
    const again = new Policy(JSON.parse(JSON.stringify(policy.toJson())), CONTROLLER);
    for (const key of [ADA, BOB, STRANGER, ENGINE]) {
      assert.deepEqual(again.capOf(key), policy.capOf(key));
      assert.equal(again.isEngine(key), policy.isEngine(key));
    }
  }
});

Deno.test("without CURVE there is one cap for all", () => {
  const policy = new Policy({ everyone: { sys: ["hostname"] } }, "");
  assert.equal(describe(policy.capOf("")!.permissions), "sys hostname");
  assert.equal(policy.isEngine(""), true);
  assert.deepEqual(policy.toJson(), { everyone: { sys: ["hostname"] } });
});

Deno.test("what cannot be used is named", () => {
  const refused = (text: unknown, own = CONTROLLER) => {
    try {
      new Policy(text, own);
      return "taken";
    } catch (error) {
      assert(error instanceof TypeError);
      return error.message;
    }
  };
  assert.match(refused({ everyone: "none", engins: [] }), /Unknown key "policy.engins".*engines/);
  assert.match(refused({ everyone: "none" }), /"engines" has to say who may be an engine/);
  assert.match(
    refused({ clients: { x: { key: "short" } }, engines: "any" }),
    /"policy.clients.x.key".*40 characters/,
  );
  assert.match(
    refused({ clients: { x: { key: ADA, permission: {} } }, engines: "any" }),
    /policy.clients.x.permission/,
  );
  assert.match(refused({ everyone: { nett: true }, engines: "any" }), /policy.everyone.nett/);
  assert.match(
    refused({ clients: { x: { key: ADA }, y: { key: ADA } }, engines: "any" }),
    /another client has this key/,
  );
  assert.match(refused({ clients: { x: { key: ENGINE } }, engines: [ENGINE] }), /an engine's and a client's/);
  assert.match(refused({ clients: {} }, ""), /"policy.clients" without CURVE/);
  assert.match(refused({}, ""), /it takes "everyone"/);
  assert.match(refused([]), /takes an object/);
});
