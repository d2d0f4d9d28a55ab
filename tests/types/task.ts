/** Types of `task`. */
import { type LoadBalancedView, type Task, task } from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const view: LoadBalancedView;
declare const scale: number;

export async function tasks(): Promise<void> {
  const times = task((x: number) => x * scale, { captures: { scale }, name: "times", retries: 2 });
  same<Task<[x: number], number>>()(times);
  same<number>()(await view.apply(times, 1));
  same<number[]>()(await view.map(times, [1, 2]));
  same<Task<[], Promise<string>>>()(task(async () => await Promise.resolve("x")));
  same<string>()(await view.apply(task(async () => await Promise.resolve("x"))));
  same<Task<[a: number, b?: string], boolean>>()(task((a: number, b?: string) => b === String(a)));
  same<Readonly<Record<string, unknown>>>()(times.captures);
  same<AbortSignal>()(task.signal);
  // what it captures may be functions and tasks
  task((x: number) => times.run(x), { captures: { times } });
  task(() => 1, {
    permissions: { read: ["/data"], net: true },
    limits: { runTimeoutMs: 5, memoryLimitMB: 100 },
    isolation: "process",
    cancelGraceMs: 100,
    queueTimeoutMs: 5,
    label: { any: "value" },
    priority: 3,
    namespace: ["table"],
  });

  // @ts-expect-error the argument is a number
  view.apply(times, "1");
  // @ts-expect-error items are numbers
  view.map(times, ["1"]);
  // @ts-expect-error captures have names: { scale }
  task((x: number) => x * scale, { captures: [scale] });
  // @ts-expect-error captures, not capture
  task((x: number) => x * scale, { capture: { scale } });
  // @ts-expect-error a name is text
  task(() => 1, { name: 5 });
  // @ts-expect-error names of the namespace are a list
  task(() => 1, { namespace: "table" });
  // @ts-expect-error dependencies are the view's
  task(() => 1, { after: [] });
  // @ts-expect-error isolation is "shared", "worker" or "process"
  task(() => 1, { isolation: "none" });
  // @ts-expect-error no function
  task(42);
  // @ts-expect-error a task cannot be changed
  times.name = "other";
}
