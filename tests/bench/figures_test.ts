import assert from "node:assert/strict";
import { jsonLines, quantile, reportOf, spreadOf, tableOf } from "./figures.ts";
import { cpuSecondsOfTrees, pssOfTrees } from "./memory.ts";

Deno.test("reportOf() gives figures with units, and the ratio of each rate to the raw relay", () => {
  const report = reportOf({
    tasks_map_per_s: 20_000.4,
    raw_relay_msgs_per_s: 100_000,
    push_MBps: 812.345,
    task_latency_median_us: 512.34,
  });
  assert.deepEqual(report, [
    { name: "raw_relay_msgs_per_s", value: 100_000, unit: "messages/s" },
    { name: "task_latency_median_us", value: 512.3, unit: "µs" },
    { name: "tasks_map_per_s", value: 20_000, unit: "tasks/s" },
    { name: "push_MBps", value: 812.3, unit: "MB/s" },
    { name: "tasks_map_per_s_ratio", value: 0.2, unit: "1" },
  ]);
  assert.deepEqual(reportOf({ push_MBps: 1 }), [{ name: "push_MBps", value: 1, unit: "MB/s" }]);
  assert.deepEqual(jsonLines(report).split("\n").map((line) => JSON.parse(line)), report);
  assert.match(tableOf(report), /tasks_map_per_s_ratio\W+0\.2\W/);
});

Deno.test("reportOf() sets our controller's figures beside those of ipyparallel's own", () => {
  const report = reportOf({
    raw_relay_msgs_per_s: 100_000,
    python_tasks_per_s: 1500,
    python_tasks_per_s_ipcontroller: 1000,
    python_controller_pss_MB: 100,
    python_controller_pss_MB_ipcontroller: 400,
  });
  assert.deepEqual(report.slice(5), [
    { name: "python_tasks_per_s_ratio", value: 0.015, unit: "1" },
    { name: "python_tasks_per_s_to_ipcontroller", value: 1.5, unit: "1" },
    { name: "python_tasks_ratio", value: 1.5, unit: "1" },
    { name: "python_controller_pss_MB_to_ipcontroller", value: 0.25, unit: "1" },
  ]);
});

Deno.test("spreadOf() gives the median, least and most of each figure, also of one that a run lacks", () => {
  const run = (value: number) => ({ name: "tasks_map_per_s", value, unit: "tasks/s" });
  const other = { name: "push_MBps", value: 7, unit: "MB/s" };
  const spread = spreadOf([[run(30)], [run(10), other], [run(20)]]);
  assert.deepEqual(spread, [{ ...run(20), min: 10, max: 30 }, { ...other, min: 7, max: 7 }]);
  assert.equal(spreadOf([[run(10)], [run(20)]])[0]!.value, 15);
  assert.match(tableOf(spread), /median[^]*tasks_map_per_s\W+20\W+tasks\/s\W+10\W+30\W/);
});

Deno.test("quantile() of the bench counts whole values", () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([4, 3, 2, 1], 0.99), 4);
});

Deno.test({
  name: "pssOfTrees() and cpuSecondsOfTrees() add up a process and its children (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const alone = pssOfTrees([Deno.pid]);
    assert.ok(alone > 10 && alone < 10_000);
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "console.log(1); await new Promise((done) => setTimeout(done, 60_000));"],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    await child.stdout.getReader().read();
    assert.ok(pssOfTrees([Deno.pid]) - pssOfTrees([child.pid]) > 10);
    assert.ok(pssOfTrees([child.pid]) > 5);
    assert.equal(pssOfTrees([2 ** 30]), 0);
    assert.ok(cpuSecondsOfTrees([Deno.pid]) > cpuSecondsOfTrees([child.pid]));
    assert.ok(cpuSecondsOfTrees([child.pid]) > 0);
    assert.equal(cpuSecondsOfTrees([2 ** 30]), 0);
    child.kill("SIGKILL");
  },
});
