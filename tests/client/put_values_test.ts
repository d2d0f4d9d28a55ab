/** Values that were put: named by what they hold, sent once, sent again when asked, dropped when nobody needs them. */
import assert from "node:assert/strict";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, KIND, VALUES } from "../../src/protocol/groups.ts";
import { nameWords } from "../../src/protocol/value_name.ts";
import { PutValues } from "../../src/client/put_values.ts";
import type { EncodedTask } from "../../src/client/path.ts";
import { Ref } from "../../src/client/ref.ts";

/** @param answer what the controller says of a value that has come */
function world(answer: "kept" | "none" = "kept") {
  const values = new PutValues(), said: string[] = [], writer = new GroupWriter(256);
  const tell = (word: number, name: string) => {
    writer.reset();
    writer.name(...nameWords(name));
    const header = {
      kind: KIND.values,
      origin: 0,
      seq: 1,
      target: ANY,
      nonce: 0n,
      acked: 0,
      committed: 0,
      window: word,
    };
    const reader = new GroupReader();
    reader.open(writer.close(header, () => {}).slice());
    values.told(word, reader);
  };
  values.open({
    upload(value) {
      said.push(`upload ${value.bytes}`);
      queueMicrotask(() => tell(VALUES[answer], value.name));
      return Promise.resolve();
    },
    tell: (word) => void said.push(Object.keys(VALUES)[word - 1]!),
  });
  return { values, tell, heard: () => said.splice(0) };
}

function encode(values: PutValues, ref: Ref<unknown>): EncodedTask {
  values.begin(undefined);
  assert.equal(values.indexOf(ref), 0);
  return values.finish({ op: 2, definition: null, body: new Uint8Array([1, 2]), buffers: [], tail: null });
}

Deno.test("equal values are sent once, and dropped with the last ref and task", async () => {
  const { values, heard } = world();
  const [a, b] = await Promise.all([values.put([1, 2, "x"]), values.put([1, 2, "x"])]);
  assert.equal(a.name, b.name);
  assert.notEqual((await values.put([1, 2, "y"])).name, a.name);
  assert.equal(heard().length, 2);
  const task = encode(values, a);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(task.tail!)), { values: [[a.name, 1]] });
  assert.deepEqual(task.buffers, []);
  values.taskOpened(task.values!);
  await a.delete();
  await b.delete();
  assert.deepEqual(heard(), []);
  values.taskEnded(task.values!);
  assert.deepEqual(heard(), ["drop"]);
  assert.throws(() => encode(values, a), /deleted/);
});

Deno.test("what the controller has dropped is sent again as long as it is here", async () => {
  const { values, heard, tell } = world();
  const ref = await values.put("a value");
  heard();
  tell(VALUES.want, ref.name);
  tell(VALUES.want, ref.name);
  assert.deepEqual(heard(), [`upload ${ref.bytes}`]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  tell(VALUES.want, ref.name);
  assert.deepEqual(heard(), [`upload ${ref.bytes}`]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  await ref.delete();
  heard();
  tell(VALUES.want, ref.name);
  assert.deepEqual(heard(), ["none"]);
});

Deno.test("what the controller does not keep goes along with each task", async () => {
  const { values } = world("none");
  const task = encode(values, await values.put(new Uint8Array(100_000)));
  assert.equal(task.tail, null);
  assert.deepEqual(task.buffers.map(({ length }) => length > 99_999), [false, true]);
});

Deno.test("a put ends when nothing can be sent any more, and what was half put is put anew", async () => {
  const { values, heard } = world();
  let isStuck = true;
  values.open({
    upload: (value) => {
      if (!isStuck) queueMicrotask(() => values.fail(new Error(`again ${value.bytes}`)));
      return Promise.resolve();
    },
    tell: () => {},
  });
  const put = values.put(1);
  const other = values.put(1);
  await new Promise((resolve) => setTimeout(resolve, 0));
  values.fail(new Error("The client was closed"));
  await assert.rejects(put, /The client was closed/);
  await assert.rejects(other, /The client was closed/);
  isStuck = false;
  await assert.rejects(values.put(1), /again/);
  assert.deepEqual(heard(), []);
});

Deno.test("two clients give one value two names, and do not take each other's", async () => {
  const one = world().values, two = world().values;
  const [a, b] = [await one.put("same"), await two.put("same")];
  assert.notEqual(a.name, b.name);
  assert.throws(() => encode(one, b), /another client/);
  assert(a instanceof Ref && String(a) === "[object Ref]");
});

Deno.test("values in the places of refs, for who keeps none", async () => {
  const { values } = world();
  const ref = await values.put({ n: 1 });
  const plain = values.plain([ref, { a: new Map([["k", ref]]), s: new Set([1]) }, new Date(0)]) as unknown[];
  assert.deepEqual(plain, [{ n: 1 }, { a: new Map([["k", { n: 1 }]]), s: new Set([1]) }, new Date(0)]);
  (plain[0] as { n: number }).n = 2;
  assert.deepEqual(values.plain(ref), { n: 1 });
});

Deno.test("another controller gets what the one before kept; the same one what tasks may wait for", async () => {
  const { values, heard } = world();
  const idle = await values.put(new Uint8Array(500)), used = await values.put(new Uint8Array(700));
  const task = encode(values, used);
  values.taskOpened(task.values!);
  const [, uploadUsed] = heard();
  values.renew(false);
  assert.deepEqual(heard(), [uploadUsed]);
  values.renew(true);
  // The other one is still on its way, and is sent again when that is over.
  assert.equal(heard().length, 1);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(heard(), [uploadUsed]);
  values.taskEnded(task.values!);
  await idle.delete();
  await used.delete();
  assert.deepEqual(heard(), ["drop", "drop"]);
});

Deno.test("a put whose value was lost on its way is sent again, and ends when the controller has it", async () => {
  const { values, heard, tell } = world("kept");
  const lost: string[] = [];
  let name = "";
  values.open({
    upload: (value) => {
      lost.push(name = value.name);
      return Promise.resolve();
    },
    tell: () => {},
  });
  const putting = values.put(new Uint8Array(900));
  while (lost.length < 1) await new Promise((resolve) => setTimeout(resolve));
  await new Promise((resolve) => setTimeout(resolve));
  values.renew(true);
  assert.equal(lost.length, 2);
  tell(VALUES.kept, name);
  assert.equal((await putting).name, name);
  assert.deepEqual(heard(), []);
});
