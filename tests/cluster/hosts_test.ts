/** Hosts: how they are written, and how engines are dealt out to them. */
import assert from "node:assert/strict";
import { dealOut, hostsOf } from "../../src/cluster/hosts.ts";

Deno.test("hosts are names, perhaps with numbers", () => {
  assert.deepEqual(hostsOf(["node1,me@node2=4", "10.0.0.1"]), [
    { name: "node1", engines: null },
    { name: "me@node2", engines: 4 },
    { name: "10.0.0.1", engines: null },
  ]);
  for (
    const [text, message] of [["-oProxyCommand=x", /Cannot use/], ["a b;c", /"b;c" as a host/], [
      "a=x",
      /"a=x"/,
    ], ["a,a", /twice/]] as const
  ) {
    assert.throws(() => hostsOf([text]), message);
  }
});

Deno.test("engines are dealt out", () => {
  const cases: readonly [number, string, [string, number][]][] = [
    [4, "a b", [["a", 2], ["b", 2]]],
    [5, "a b c", [["a", 2], ["b", 2], ["c", 1]]],
    [1, "a b", [["a", 1]]],
    [6, "a=4 b", [["a", 4], ["b", 2]]],
    [6, "a=4 b=2", [["a", 4], ["b", 2]]],
    [3, "a=4 b=2", [["a", 3]]],
    [8, "a=4 b=2", [["a", 4], ["b", 4]]],
  ];
  for (const [n, hosts, dealt] of cases) {
    assert.deepEqual(dealOut(n, hostsOf([hosts])), dealt, `${n} on ${hosts}`);
  }
});
