/** Types of what results are asked. */
import {
  AsyncResult,
  type Client,
  type GroupCounts,
  type LoadBalancedView,
  ResultGroup,
  type ResultPart,
  type TaskMetadata,
} from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const client: Client;
declare const view: LoadBalancedView;
declare const size: (text: string) => number;

export async function results(): Promise<void> {
  const one = view.apply(size, "a"), all = client.direct("all").apply(size, "a");
  same<number>()(await one.get({ timeoutMs: 5, for: "first-error" }));
  same<number[]>()(await all.get());
  same<TaskMetadata>()(one.metadata);
  same<TaskMetadata[]>()(all.metadata);
  same<Map<number, number>>()(await all.byEngine());
  same<PromiseSettledResult<number>[]>()(await all.settled());
  same<ResultPart<number>[]>()(all.parts());
  const { done, pending } = await all.wait({ for: "first", signal: AbortSignal.timeout(5) });
  same<readonly ResultPart<number>[]>()(done);
  same<readonly ResultPart<number>[]>()(pending);
  same<string>()(await one.then((x) => x.toFixed()));
  same<number | string>()(await one.catch(() => "failed"));
  for await (const { value, engineId } of all.stdout) {
    same<string>()(value);
    same<number | null>()(engineId);
  }
  same<unknown>()(await client.result("id"));
  same<unknown[]>()(await client.result(["id", "id"]));

  // @ts-expect-error the ways to wait are "first", "first-error" and "all"
  all.wait({ for: "any" });
  // @ts-expect-error times are in ms, as the name says
  one.get({ timeout: 5 });
  // @ts-expect-error what another client's task gave is not known here
  const known: number = await client.result("id");
  // @ts-expect-error metadata is read only
  one.metadata.label = "x";
  // @ts-expect-error a task is no result
  client.abort(size);
  void known;
}

export async function groups(): Promise<void> {
  const group = AsyncResult.all([view.apply(size, "a"), client.direct("all").apply(() => "x")]);
  same<ResultGroup<[number, string[]]>>()(group);
  same<[number, string[]]>()(await group);
  same<GroupCounts>()(group.counts);
  same<unknown[]>()(await new ResultGroup());
  same<number[]>()(await new ResultGroup<number[]>({ limit: 4 }));

  const [first] = await group;
  // @ts-expect-error the first is a number
  first.trim();
  // @ts-expect-error a limit is a number
  new ResultGroup({ limit: "4" });
  // @ts-expect-error a promise has no tasks that could be counted and stopped
  group.add(Promise.resolve(1));
}
