/** Types that schemas give: what a call takes is what the schema of the arguments takes, what it gives is what the schema of the result makes. */
import * as v from "valibot";
import { type LoadBalancedView, type StandardSchema, type Task, task } from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const view: LoadBalancedView;

const repeat = task((times: number, who: { name: string }) => who.name.repeat(times), {
  schema: {
    args: v.tuple([v.pipe(v.string(), v.transform(Number)), v.object({ name: v.string() })]),
    result: v.pipe(v.string(), v.transform((text) => text.length)),
  },
});

/** Of no library. */
declare const dates: StandardSchema<string, Date>;

export async function schemas(): Promise<void> {
  // text in, of which the schema makes the number that the function takes; the length out
  same<Task<[string, { name: string }], number>>()(repeat);
  same<number>()(await view.apply(repeat, "2", { name: "ab" }));
  same<number[]>()(await view.map(repeat, ["1", "2"], [{ name: "a" }, { name: "b" }]));
  // of the result alone: arguments as the function has them
  same<Date>()(
    await view.apply(task((year: number) => `${year}-01-01`, { schema: { result: dates } }), 2000),
  );
  same<Date>()(
    await view.apply(task(async () => await Promise.resolve("2000"), { schema: { result: dates } })),
  );
  // of the arguments alone: the result as the function gives it
  same<Task<[string], number>>()(
    task((x: number) => x, { schema: { args: v.tuple([v.pipe(v.string(), v.transform(Number))]) } }),
  );

  // @ts-expect-error the schema takes text
  view.apply(repeat, 2, { name: "ab" });
  // @ts-expect-error the object has a name
  view.apply(repeat, "2", { nam: "ab" });
  // @ts-expect-error the result is a length
  const text: string = await view.apply(repeat, "2", { name: "ab" });
  // @ts-expect-error the schema gives a list of text, and the function takes a number
  task((x: number) => x, { schema: { args: v.tuple([v.string()]) } });
  // @ts-expect-error the schema takes text, and the function gives a number
  task((x: number) => x, { schema: { result: dates } });
  // @ts-expect-error no schema
  task((x: number) => x, { schema: { args: "number" } });
  // @ts-expect-error args and result, not input
  task((x: number) => x, { schema: { input: dates } });
  void text;
}
