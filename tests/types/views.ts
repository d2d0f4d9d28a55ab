/** Types of calls on views: nothing here runs, it only has to compile, and not to where it says so. */
import {
  type AsyncResult,
  type Client,
  type DirectView,
  type ExecuteResult,
  type LoadBalancedView,
  Reference,
} from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const client: Client;
declare const view: LoadBalancedView;
declare const add: (a: number, b: number) => number;
declare const later: (name: string) => Promise<{ readonly length: number }>;
declare const optional: (a: number, b?: string) => boolean;
declare const rest: (first: string, ...others: number[]) => string[];

export async function calls(): Promise<void> {
  same<AsyncResult<number, "one">>()(view.apply(add, 1, 2));
  same<number>()(await view.apply(add, 1, 2));
  same<{ readonly length: number }>()(await view.apply(later, "x"));
  same<boolean>()(await view.apply(optional, 1));
  same<boolean>()(await view.apply(optional, 1, "x"));
  same<string[]>()(await view.apply(rest, "a", 1, 2, 3));
  same<void>()(await view.apply(() => {}));
  same<string>()(await view.apply((name: string) => name.trim(), "x"));
  same<ExecuteResult>()(await view.execute("1"));

  // @ts-expect-error a string is no number
  view.apply(add, 1, "2");
  // @ts-expect-error an argument is missing
  view.apply(add, 1);
  // @ts-expect-error one argument too many
  view.apply(add, 1, 2, 3);
  // @ts-expect-error the others are numbers
  view.apply(rest, "a", "b");
  // @ts-expect-error not a function
  view.apply("add", 1, 2);
  // @ts-expect-error the result is a number
  const text: string = await view.apply(add, 1, 2);
  // @ts-expect-error code is text
  view.execute(add);
  void text;
}

export async function shapes(): Promise<void> {
  // one engine gives a value, several give arrays
  same<DirectView<"one">>()(client.direct(3));
  same<DirectView<"one">>()(client.direct("any"));
  same<DirectView<"all">>()(client.direct("all"));
  same<DirectView<"all">>()(client.direct());
  same<DirectView<"all">>()(client.direct([0, 2]));
  same<DirectView<"all">>()(client.direct({ from: 1, step: 2 }));
  same<number>()(await client.direct(3).apply(add, 1, 2));
  same<number[]>()(await client.direct("all").apply(add, 1, 2));
  same<{ readonly length: number }[]>()(await client.direct([0]).apply(later, "x"));
  same<ExecuteResult[]>()(await client.direct("all").execute("1"));
  same<ExecuteResult>()(await client.direct(0).run("a.ts"));
  same<null[]>()(await client.direct("all").push({ a: 1 }));
  same<DirectView<"all">>()(client.direct("all").with({ label: 1 }));
  // there need not be an engine of this number
  same<DirectView<"one"> | undefined>()(client[3]);

  // @ts-expect-error several engines give an array
  const one: number = await client.direct("all").apply(add, 1, 2);
  // @ts-expect-error one engine gives no array
  const all: number[] = await client.direct(0).apply(add, 1, 2);
  // @ts-expect-error neither "each" nor any other word is a target
  client.direct("each");
  // @ts-expect-error ids are numbers
  client.direct(["0"]);
  // @ts-expect-error a range has from, to and step
  client.direct({ start: 1 });
  void [one, all];
}

export async function names(): Promise<void> {
  const one = client.direct(0), all = client.direct("all");
  same<unknown>()(await one.pull("a"));
  same<unknown[]>()(await one.pull(["a", "b"]));
  same<unknown[]>()(await all.pull("a"));
  same<unknown[][]>()(await all.pull(["a", "b"]));
  same<unknown>()(await one.names.a);
  same<number>()(await one.namesAs<{ a: number }>().a);
  same<number[]>()(await all.namesAs<{ a: number }>().a);

  // @ts-expect-error what an engine has is not known
  const a: number = await one.pull("a");
  // @ts-expect-error names are set by `set`, which can be awaited
  one.namesAs<{ a: number }>().a = 1;
  // @ts-expect-error there is no such name
  one.namesAs<{ a: number }>().b;
  // @ts-expect-error dealt out in blocks or in turn
  all.scatter("a", [1], { dist: "round" });
  // @ts-expect-error text cannot be cut
  all.scatter("a", "abc");
  void a;
}

export async function references(): Promise<void> {
  // What is there is not known here.
  same<unknown>()(await view.apply(new Reference("Math.max"), 1, "2", {}));
}
