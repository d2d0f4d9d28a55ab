import assert from "node:assert/strict";
import { linesOf, peersTable } from "./table.ts";

Deno.test("linesOf() sets ours beside each peer, and says of each missing figure why", () => {
  const lines = linesOf([
    { name: "ours", samples: { tasks_map_per_s: [100, 300, 200], push_MBps: [10] } },
    { name: "dask", samples: { tasks_map_per_s: [50] } },
    { name: "ray", samples: { tasks_map_per_s: [1] }, failure: "Cannot install" },
  ], 1000);
  const of = (figure: string) => lines.filter((line) => line.figure === figure);
  assert.deepEqual(
    of("tasks_map_per_s").map(({ side, value, ours_to_peer, to_raw_relay, note }) => [
      side,
      value,
      ours_to_peer,
      to_raw_relay,
      note,
    ]),
    [
      ["ours", 200, null, 0.2, ""],
      ["dask", 50, 4, 0.05, ""],
      ["ray", null, null, null, "not measured: Cannot install"],
    ],
  );
  assert.match(of("push_MBps")[1]!.note, /not measured/);
  assert.match(peersTable(lines, 1000), /not measured: Cannot install[^]*raw_relay_msgs_per_s 1,000/);
});
