/** Shapes of requests: what peers send is taken, what is wrong is named by its field. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Handlers, HubRequests } from "../../src/protocol/messages.ts";
import { replyType } from "../../src/protocol/messages.ts";
import {
  engineRequest,
  hubRequest,
  isEngineRequest,
  isHubRequest,
  ShapeError,
} from "../../src/protocol/shapes.ts";

function problem(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ShapeError);
    return error.message;
  }
  return "(taken)";
}

Deno.test("requests of Python's client are taken, with defaults for what is left out", () => {
  assert.deepEqual(hubRequest("connection_request", {}).tsparallel, undefined);
  assert.deepEqual(hubRequest("queue_request", { targets: null, verbose: true }), {
    targets: null,
    verbose: true,
  });
  assert.deepEqual(hubRequest("queue_request", {}), { targets: null, verbose: false });
  assert.deepEqual(hubRequest("queue_request", { targets: [0, "uuid"] }).targets, [0, "uuid"]);
  assert.deepEqual(hubRequest("result_request", { msg_ids: "one" }), {
    msg_ids: ["one"],
    status_only: false,
  });
  assert.deepEqual(hubRequest("db_request", { query: { msg_id: { $in: [] } } }).keys, null);
  assert.deepEqual(hubRequest("purge_request", { msg_ids: "all" }), { msg_ids: "all", engine_ids: [] });
  assert.deepEqual(hubRequest("purge_request", { msg_ids: ["a"], engine_ids: [1] }).msg_ids, ["a"]);
  assert.deepEqual(hubRequest("unregistration_request", {}).id, null);
  assert.deepEqual(engineRequest("signal_request", { sig: "SIGINT" }).sig, "SIGINT");
  assert.deepEqual(engineRequest("abort_request", { msg_ids: [] }).msg_ids, []);
  assert.deepEqual(engineRequest("execute_request", { code: "1", silent: true, user_expressions: {} }), {
    code: "1",
    silent: true,
    user_expressions: {},
    allow_stdin: false,
    stop_on_error: true,
  });
});

Deno.test("keys that we do not know are kept", () => {
  assert.deepEqual(hubRequest("history_request", { later: 1 }), { later: 1 });
});

Deno.test("true is what Python takes for it", () => {
  for (
    const [value, expected] of [[1, true], [0, false], ["", false], ["no", true], [[], false], [[0], true], [
      {},
      false,
    ], [null, false]]
  ) {
    assert.equal(hubRequest("queue_request", { verbose: value }).verbose, expected, JSON.stringify(value));
  }
});

Deno.test("a dictionary keeps every key, and a list is none", () => {
  const query = JSON.parse('{"__proto__": 1, "constructor": 2}');
  assert.deepEqual(Object.keys(hubRequest("db_request", { query }).query), ["__proto__", "constructor"]);
  assert.match(problem(() => hubRequest("db_request", { query: [] })), /field "query": is no dictionary/);
});

Deno.test("what is wrong is named by its field", () => {
  assert.match(
    problem(() => hubRequest("queue_request", { targets: true })),
    /^Cannot take queue_request: field "targets": /,
  );
  assert.match(problem(() => hubRequest("db_request", { keys: ["a", 5] })), /field "keys.1"/);
  assert.match(problem(() => hubRequest("registration_request", {})), /field "uuid"/);
  assert.match(problem(() => hubRequest("registration_request", { uuid: "a", id: -1 })), /field "id"/);
  assert.match(problem(() => hubRequest("registration_request", { uuid: "x".repeat(256) })), /field "uuid"/);
  assert.match(problem(() => hubRequest("resubmit_request", { msg_ids: 5 })), /field "msg_ids"/);
  assert.match(problem(() => engineRequest("execute_request", {})), /field "code"/);
  assert.match(problem(() => hubRequest("history_request", null)), /its content/);
  assert.match(problem(() => hubRequest("history_request", [])), /^Cannot take|taken/);
});

Deno.test("our own announcement is checked; another version's is a peer's", () => {
  const tsparallel = { version: 1, session: "s", username: "u", pid: 5 };
  assert.deepEqual(hubRequest("connection_request", { tsparallel }).tsparallel, tsparallel);
  assert.equal(
    hubRequest("connection_request", { tsparallel: { version: 2, other: 1 } }).tsparallel,
    undefined,
  );
  assert.match(
    problem(() => hubRequest("connection_request", { tsparallel: { version: 1, session: 5 } })),
    /field "tsparallel/,
  );
  const engine = { version: 1, host: "h", pid: 5, sandbox: "both walls" };
  assert.deepEqual(
    hubRequest("registration_request", { uuid: "u", id: null, tsparallel: engine }).tsparallel,
    engine,
  );
});

Deno.test("any content is taken or a ShapeError", () => {
  const types = [
    "connection_request",
    "registration_request",
    "queue_request",
    "db_request",
    "purge_request",
  ] as const;
  const keys = fc.constantFrom(
    "uuid",
    "id",
    "targets",
    "verbose",
    "query",
    "keys",
    "msg_ids",
    "engine_ids",
    "tsparallel",
  );
  fc.assert(fc.property(fc.constantFrom(...types), fc.dictionary(keys, fc.anything()), (type, content) => {
    problem(() => hubRequest(type, content));
  }));
});

Deno.test("types that nobody takes are told apart", () => {
  assert.ok(isHubRequest("queue_request") && isEngineRequest("apply_request"));
  assert.ok(!isHubRequest("apply_request") && !isHubRequest("toString") && !isEngineRequest("constructor"));
  assert.equal(replyType("queue_request"), "queue_reply");
});

/** Compiles only because it is complete; each line marked would not without its mark. */
Deno.test("a table of handlers that lacks a request, or answers wrongly, does not compile", () => {
  type Few = Pick<HubRequests, "history_request" | "purge_request" | "unregistration_request">;
  const right: Handlers<Few, undefined> = {
    history_request: () => ({ status: "ok", history: [] }),
    purge_request: (content) => {
      assert.equal(content.msg_ids, "all");
      return { status: "ok" };
    },
    unregistration_request: () => {},
  };
  right.purge_request({ msg_ids: "all", engine_ids: [] }, undefined);
  // @ts-expect-error: unregistration_request is missing
  const lacking: Handlers<Few, undefined> = {
    history_request: right.history_request,
    purge_request: right.purge_request,
  };
  // @ts-expect-error: the history is missing from the reply
  const wrong: Handlers<Few, undefined>["history_request"] = () => ({ status: "ok" });
  assert.ok(lacking && wrong);
});
