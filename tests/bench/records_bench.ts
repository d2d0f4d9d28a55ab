/** How many tasks a second SQLite takes in: submission and result of each, in groups of 100, a commit per 1000 rows. */

import { SqliteRecords } from "../../src/hub/records_sqlite.ts";
import { resultsGroup, tasksGroup } from "../contracts/records.ts";

/** @returns tasks (two rows each) per second, the last commit included */
export function benchRecords({ quick }: { quick: boolean }): { records_per_s: number } {
  const tasks = quick ? 50_000 : 200_000;
  const folder = Deno.makeTempDirSync();
  try {
    const store = new SqliteRecords({ engineOf: () => null }, { file: `${folder}/tasks.db` });
    const client = store.clients.index("bench", 1, "bench");
    store.engine(0, "engine-0");
    const groups: [Uint8Array, Uint8Array][] = [];
    for (let n = 1; n <= tasks; n += 100) {
      groups.push([tasksGroup(client, n, 100), resultsGroup(client, n, 100)]);
    }
    const start = performance.now();
    for (const [submissions, results] of groups) {
      store.takeTasks(submissions, "task");
      store.takeResults(results, 1);
      if (store.waiting >= 1000) store.commit();
    }
    store.commit();
    const seconds = (performance.now() - start) / 1000;
    store.close();
    return { records_per_s: Math.round(tasks / seconds) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) console.log(benchRecords({ quick: !Deno.args.includes("--full") }));
