/** A client as a program: maps so many tasks whose results have so many characters, and says whether all were right. Arguments: file, tasks, characters. */
import { Client } from "../../../src/client/client.ts";

const [file = "", tasks = "", size = ""] = Deno.args;
const client = await Client.connect({ file });
console.log("connected");
const items = Array.from({ length: Number(tasks) }, (_, i) => i);
const make = (i: number, length: number) => `${i} `.padEnd(length, "x");
let right = 0;
const results = client.loadBalanced().map(make, items, items.map(() => Number(size)));
for await (const text of results) if (text === `${right} `.padEnd(Number(size), "x")) right++;
console.log(`right: ${right}`);
await client.close();
