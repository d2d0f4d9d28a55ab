/** Types of graphs: results by name, each with its own type. */
import type { AsyncResult, Client, GraphNode } from "../../src/client/client.ts";
import { same } from "./equal.ts";

declare const client: Client;

export async function graphs(): Promise<void> {
  const graph = client.graph({
    load: { run: () => [1, 2, 3] },
    name: { run: async (text: string) => await Promise.resolve(text), args: ["x"] },
    sum: { run: () => 6, after: ["load"], options: { retries: 1 } },
  });
  same<AsyncResult<number[]>>()(graph.results.load);
  const { load, name, sum } = await graph.values();
  same<number[]>()(load);
  same<string>()(name);
  same<number>()(sum);

  // @ts-expect-error there is no such node
  graph.results.store;
  // @ts-expect-error a list of names
  client.graph({ a: { run: () => 1, after: "b" } });
  // @ts-expect-error order is the graph's
  client.graph({ a: { run: () => 1, options: { after: [] } } });
  // @ts-expect-error a node runs something
  client.graph({ a: {} });
}

export async function nodes(): Promise<void> {
  // a node's type says what it gives, whether at once or later
  const list: Record<string, GraphNode<number>> = {
    a: { run: () => 1 },
    b: { run: async () => await Promise.resolve(2) },
  };
  const values = await client.graph(list).values();
  same<number[]>()(Object.values(values));
  // @ts-expect-error the node gives text
  list.c = { run: () => "x" };
}
