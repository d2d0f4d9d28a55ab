/** Types of maps and of iteration. */
import type { Client, LoadBalancedView, MapResult } from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const client: Client;
declare const view: LoadBalancedView;
declare const half: (x: number) => number;
declare const joined: (a: string, b: number) => Promise<string>;
declare const numbers: readonly number[];
declare const endless: AsyncIterable<number>;

export async function maps(): Promise<void> {
  same<MapResult<number>>()(view.map(half, numbers));
  same<number[]>()(await view.map(half, numbers));
  same<number[]>()(await client.direct("all").map(half, numbers));
  same<string[]>()(await view.map(joined, ["a"], numbers));
  same<boolean[]>()(
    await view.map((a: number, b: string, c: Date) => a + b.length > c.getTime(), [1], ["2"], [new Date()]),
  );
  same<number[]>()(await view.map(half, endless, { chunkSize: 10, ordered: false, window: 5 }));
  same<number[]>()(await view.map(half, new Set(numbers)));
  same<number[]>()(await view.map(half, new Float64Array(3)));
  for await (const x of view.map(half, numbers)) same<number>()(x);
  for await (const x of view.imap(half, endless, { maxOutstanding: 4, maxBytes: 1000 })) same<number>()(x);
  for await (const x of client.direct("all").apply(half, 1)) same<number>()(x);
  for await (const x of client.direct("all").apply(half, 1).inOrder()) same<number>()(x);

  // @ts-expect-error items are texts
  view.map(half, ["a"]);
  // @ts-expect-error the second items are no numbers
  view.map(joined, ["a"], ["b"]);
  // @ts-expect-error a number is no list
  view.map(half, 5);
  // @ts-expect-error the function needs a second list
  view.map(joined, ["a"]);
  // @ts-expect-error chunkSize, with a capital S
  view.map(half, numbers, { chunksize: 2 });
  // @ts-expect-error imap has no window but maxOutstanding
  view.imap(half, numbers, { window: 2 });
  // @ts-expect-error items are texts
  view.imap(half, ["a"]);
  // @ts-expect-error the results are numbers
  const texts: string[] = await view.map(half, numbers);
  // @ts-expect-error the results are numbers
  for await (const text of view.map(half, numbers)) text.trim();
  void texts;
}
