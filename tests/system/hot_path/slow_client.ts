/** A client as a program: submits so many tasks whose results have so many characters, and says whether all were right. Arguments: file, tasks, characters. */
import { Client } from "../../../src/client/client.ts";

const [file = "", tasks = "", size = ""] = Deno.args;
const client = await Client.connect({ file });
console.log("connected");
const make = (i: number, length: number) => `${i} `.padEnd(length, "x");
const view = client.loadBalanced();
const results = Array.from({ length: Number(tasks) }, (_, i) => view.apply(make, i, Number(size)));
let right = 0;
for (const [i, result] of results.entries()) if (await result === `${i} `.padEnd(Number(size), "x")) right++;
console.log(`right: ${right}`);
await client.close();
