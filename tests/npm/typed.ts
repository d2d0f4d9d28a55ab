/**
 * A user's program in TypeScript: has to be right for tsc with all of its strictness, and then runs in Node, which takes the types away by itself.
 */
import process from "node:process";
import { type AsyncResult, Client, type DirectView, type MapResult, task, type Transport } from "tsparallel";

const client: Client = await Client.connect({ file: process.argv[2] });
try {
  const one: DirectView<"one"> = client.direct(0);
  const sum: number = await one.apply((a: number, b: number): number => a + b, 1, 2);
  const everywhere: readonly string[] = await client.direct("all").apply(() => "x");
  const twice = task((n: number): number => n * 2);
  const result: AsyncResult<number> = client.loadBalanced().apply(twice, 21);
  const map: MapResult<string> = client.loadBalanced().map((n: number): string => `${n}`, [1, 2, 3]);
  const texts: readonly string[] = await map;
  console.log(sum, everywhere, await result, texts);
  // @ts-expect-error: text is no number
  const wrong: string = await result;
  // @ts-expect-error: the function takes a number
  await client.loadBalanced().apply((n: number) => n, wrong);
  const transport: Transport | undefined = undefined;
  console.log(typeof transport);
  await one.apply((message: string): never => {
    throw new TypeError(message);
  }, "thrown");
} catch (error) {
  console.log(error instanceof Error ? error.stack : error);
} finally {
  await client.close();
}
