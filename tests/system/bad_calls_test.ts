/** What users get wrong, and what goes wrong under them: a clear error for each, or back-pressure; nothing is lost, nothing grows without a bound. */
import assert from "node:assert/strict";
import { Client, CompositeError, EngineError, Reference } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { PythonPeers, pythonTest } from "./python_peers.ts";
import { RawPeer } from "./raw_peer.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

/** A call that fails at once, or whose result does. */
type Case = readonly [what: string, call: (client: Client) => unknown, error: RegExp];

async function failsWith([what, call, error]: Case, client: Client): Promise<void> {
  const said = await errorOf((async () => await call(client))());
  assert.match(`${(said as Error).name}: ${(said as Error).message}`, error, what);
}

const unsendable = { list: [1, { callback: () => 1 }] };
const nap = (ms: number, value: number) =>
  new Promise<number>((resolve) => setTimeout(() => resolve(value), ms));
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

const NO_ENGINES = /^RangeError: Cannot use targets .*: they name no engine/;

const TARGETS: readonly Case[] = [
  ["apply on no engine", (client) => client.direct([]).apply(() => 1), NO_ENGINES],
  ["map on no engine", (client) => client.direct([]).map((x: number) => x, [1]), NO_ENGINES],
  ["scatter to no engine", (client) => client.direct([]).scatter("a", [1]), NO_ENGINES],
  ["gather from no engine", (client) => client.direct([]).gather("a"), NO_ENGINES],
  ["push to no engine", (client) => client.direct([]).push({ a: 1 }), NO_ENGINES],
  ["an empty range", (client) => client.direct({ from: 9 }).apply(() => 1), NO_ENGINES],
  ["balanced over no engine", (client) => client.loadBalanced({ targets: [] }), NO_ENGINES],
  ["the same by with", (client) => client.loadBalanced().with({ targets: [] }), NO_ENGINES],
  [
    "an unknown engine",
    (client) => client.direct([0, 9]),
    /^RangeError: Cannot use engine 9: the registered ones are 0, 1/,
  ],
  [
    "another word",
    (client) => client.direct("alles" as "all"),
    /^TypeError: Cannot use targets "alles": they are an id/,
  ],
  ["a fraction", (client) => client.direct(0.5), /^RangeError: Cannot use engine 0.5/],
];

const ARGUMENTS: readonly Case[] = [
  [
    "a function in an object",
    (client) => client.loadBalanced().apply((_n: number, x: unknown) => x, 1, { callback: () => 1 }),
    /Cannot send args\[1\]\.callback: a function/,
  ],
  [
    "deep in a direct call",
    (client) => client.direct("all").apply((x: unknown) => x, unsendable),
    /Cannot send args\[0\]\.list\[1\]\.callback: a function/,
  ],
  [
    "a pushed promise",
    (client) => client.direct("all").push({ a: { b: nap(1, 1) } }),
    /push\.a\.b: a promise; await it/,
  ],
  [
    "an item of a map",
    (client) => client.loadBalanced().map((x: unknown) => x, [1, 2, new WeakSet()]),
    /Cannot send args\[0\] of the task that begins with item 2: a WeakSet/,
  ],
  [
    "a chunk of a map",
    (client) =>
      client.loadBalanced().map((x: unknown) => x, [1, 2, 3, { a: new WeakSet() }], { chunkSize: 2 }),
    /Cannot send args\[1\]\[0\]\.a of the task that begins with item 2: a WeakSet/,
  ],
  [
    "an item of imap",
    async (client) => {
      for await (const _ of client.loadBalanced().imap((x: unknown) => x, [1, Symbol("x")]));
    },
    /Cannot send args\[0\] of the task that begins with item 1: a symbol/,
  ],
  [
    "a node of a graph",
    (client) => client.graph({ a: { run: () => 1 }, b: { run: (x: unknown) => x, args: [unsendable] } }),
    /Cannot send args\[0\]\.list\[1\]\.callback/,
  ],
  [
    "an argument that cannot be read",
    (client) =>
      client.loadBalanced().apply((x: unknown) => x, {
        get a() {
          throw new Error("not today");
        },
      }),
    /Cannot send args\[0\]\.a: it cannot be read \(Error: not today\)/,
  ],
];

const RESULTS: readonly Case[] = [
  [
    "a result that cannot be sent",
    (client) => client.loadBalanced().apply(() => ({ a: [1, { callback: () => 1 }] }) as unknown),
    /^RemoteError: \[engine \d, apply\] UncodableValue: Cannot send result\.a\[1\]\.callback: a function/,
  ],
  [
    "of several engines",
    (client) => client.direct("all").apply(() => ({ deep: { er: new WeakMap() } }) as unknown),
    /^CompositeError: apply on 2 engines: 2 errors[^]*Cannot send result\.deep\.er: a WeakMap/,
  ],
  [
    "in a chunk of a map",
    (client) =>
      client.loadBalanced().map((x: number) => ({ f: x === 2 ? new WeakMap() : x }), [1, 2, 3], {
        chunkSize: 3,
      }),
    /Cannot send result\[1\]\.f: a WeakMap/,
  ],
  [
    "beyond the task's limit",
    (client) => client.loadBalanced({ limits: { resultLimitBytes: 1000 } }).apply(() => "x".repeat(5000)),
    /^LimitExceeded: The task's result passed its limit: 5006 bytes, at most 1000 bytes/,
  ],
  [
    "a large one",
    (client) => client.direct("all", { limits: { resultLimitBytes: 1e6 } }).apply(() => new Uint8Array(5e6)),
    /^CompositeError: [^]*at most 1000000 bytes/,
  ],
];

Deno.test("bad calls each get their sentence, and the next call is right", async (test) => {
  await using run = await Run.start({ n: 2 });
  const { client } = run;
  for (const [name, cases] of Object.entries({ TARGETS, ARGUMENTS, RESULTS })) {
    for (const one of cases) await test.step(`${name}: ${one[0]}`, () => failsWith(one, client));
  }
  await test.step("what cannot be sent to one engine is sent to none", async () => {
    await client.direct("all").push({ parts: "before" });
    await failsWith(
      [
        "scatter",
        () => client.direct("all").scatter("parts", [1, new WeakSet()]),
        /scatter\.parts\[0\]: a WeakSet/,
      ],
      client,
    );
    assert.deepEqual(await client.direct("all").pull("parts"), ["before", "before"]);
  });
  await test.step("a result beyond what the client takes", async () => {
    await using small = await Client.connect({ file: run.clientFile, maxResultBytes: 1e6 });
    const view = small.loadBalanced();
    const large = view.apply(() => new Uint8Array(5e6));
    await failsWith(["large", () => large, /^RangeError: .*at most 1000000 bytes .*maxResultBytes/], small);
    assert.equal((await view.apply(() => new Uint8Array(5e5))).length, 5e5);
    // Nothing is lost: the record has it.
    assert.equal((await client.result(large.msgIds[0]!, { timeoutMs: 10_000 }) as Uint8Array).length, 5e6);
  });
  await test.step("no items are no mistake", async () => {
    assert.deepEqual(await client.loadBalanced().map((x: number) => x, []), []);
    assert.deepEqual(
      await client.direct("all").gather("none").catch((error: Error) => error.name),
      "CompositeError",
    );
    assert.deepEqual(await client.graph({}).values(), {});
  });
  await queueIsEmpty(client);
  assert.deepEqual(await client.direct("all").apply((x: number) => x, 7), [7, 7]);
});

Deno.test("engines that leave in the middle", async (test) => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--ping=200", "--heartbeat-misses=5"] });
  const { client } = run;
  /** Starts another set and, once `isAtWork`, kills it. */
  const killed = async (
    start: (id: number) => Promise<unknown> | unknown,
    isAtWork: () => boolean | Promise<boolean>,
  ) => {
    const id = Math.max(...client.ids) + 1;
    const before = new Set(run.cluster.parts);
    await run.cluster.startEngines(1);
    await client.waitForEngines(2, { timeoutMs: 20_000 });
    const { pid } = run.cluster.parts.find((part) => !before.has(part))!;
    const ids = client.ids.at(-1)!;
    assert(ids >= id);
    const end = Promise.resolve(start(ids));
    end.catch(() => {});
    await eventually(isAtWork, Boolean, "it is at work");
    Deno.kill(pid!, "SIGKILL");
    return { end, id: ids };
  };
  const isBusy = (id: () => number) => async () => {
    const { engines } = await client.queueStatus();
    const { queue, tasks } = engines[id()] ?? { queue: 0, tasks: 0 };
    return Number(queue) + Number(tasks) > 0;
  };
  let at = 0;
  const works = isBusy(() => at);

  await test.step("mid-map with retries: all results, in order", async () => {
    const view = client.loadBalanced({ retries: 3 });
    const { end } = await killed((id) => {
      at = id;
      return view.map(nap, range(400).map(() => 5), range(400)).get();
    }, works);
    assert.deepEqual(await end, range(400));
  });
  await test.step("mid-map without: EngineError, and nothing is left", async () => {
    const { end } = await killed((id) => {
      at = id;
      return client.loadBalanced({ targets: [id] }).map(nap, range(400).map(() => 20), range(400)).get();
    }, works);
    const error = await errorOf(end);
    assert(error instanceof EngineError || /ImpossibleDependency/.test(String(error)), String(error));
    await queueIsEmpty(client);
  });
  await test.step("mid-imap: the loop throws, the source is told", async () => {
    let returned = false;
    const source = function* () {
      try {
        for (let i = 0;; i++) yield i;
      } finally {
        returned = true;
      }
    };
    const seen: number[] = [];
    const { end } = await killed((id) => {
      at = id;
      return (async () => {
        const one = client.loadBalanced({ targets: [id] });
        for await (
          const x of one.imap(async (x: number) => {
            await new Promise((resolve) => setTimeout(resolve, 10));
            return x;
          }, source())
        ) seen.push(x);
      })();
    }, () => seen.length > 2);
    const error = await errorOf(end);
    assert.match((error as Error).name, /EngineError|ImpossibleDependency/);
    assert.deepEqual(seen, range(seen.length));
    assert(returned);
    await queueIsEmpty(client);
  });
  await test.step("mid-scatter and mid-call: the engine is named", async () => {
    const { end } = await killed((id) => {
      at = id;
      const all = client.direct([0, id]);
      all.apply(nap, 600_000, 1).catch(() => {});
      return all.scatter("part", range(10)).get();
    }, works);
    client[0]!.abort();
    await client[0]!.interrupt();
    const error = await errorOf(end) as CompositeError;
    assert(error instanceof CompositeError, String(error));
    assert.match(error.message, new RegExp(`\\[engine ${at}\\] EngineError`));
  });
  await test.step("mid-graph: what depends on the lost one is told at once", async () => {
    const { end } = await killed((id) => {
      at = id;
      return client.graph({
        first: { run: nap, args: [600_000, 1], options: { targets: [id] } },
        second: { run: () => 2, after: ["first"] },
        free: { run: () => 3, options: { targets: [0] } },
      }).values();
    }, works);
    const error = await errorOf(end) as CompositeError;
    assert.deepEqual(error.errors.map(({ name }) => name), ["EngineError", "ImpossibleDependency"]);
  });
  await test.step("a view of an engine that is gone says so", async () => {
    let view = client.direct(0);
    let balanced = client.loadBalanced();
    await killed((id) => {
      at = id;
      view = client.direct(id);
      balanced = client.loadBalanced({ targets: [id] });
    }, () => true);
    await eventually(() => client.ids, (ids) => ids.length === 1, "it is off the list");
    assert.throws(() => view.apply(() => 1), {
      name: "RangeError",
      message: /engine \d+: it is gone; the registered ones are 0/,
    });
    assert.throws(() => view.map((x: number) => x, [1]), /it is gone/);
    assert.throws(() => client.direct(at), /it is gone/);
    assert.match(
      String(await errorOf((async () => await balanced.apply(() => 1))())),
      /ImpossibleDependency|it is gone/,
    );
  });
  await queueIsEmpty(client);
});

Deno.test("two clients with one id: the second is refused in words, the first goes on", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const { session, pid } = peer.session;
  const announce = (instance?: string) =>
    peer.ask("connection_request", { tsparallel: { version: 1, session, username: "x", pid, instance } });
  assert.equal((await announce("one")).content.status, "ok");
  assert.equal((await announce("one")).content.status, "ok");
  const { content } = await announce("another");
  assert.equal(content.status, "error");
  assert.match(String(content.evalue), /session ".*" with pid \d+ is another client's/);
  assert.equal((await announce("one")).content.status, "ok");
});

Deno.test("a loop that is slower than its results holds the map back, and gets all of them", async () => {
  await using run = await Run.start({ n: 2 });
  const { client } = run;
  const map = client.loadBalanced().map((i: number) => new Uint8Array(4 << 20).fill(i), range(100));
  let next = 0, most = 0, later = 0;
  for await (const bytes of map) {
    if (next === 0) {
      // Nobody takes anything until the map has stopped by itself.
      await eventually(() => client.pending, (count) => count === 0, "nothing is under way");
      most = map.progress;
    }
    assert.equal(bytes[0], next++);
    // Once it is known how large they are, few are fetched ahead.

    if (next === 64) later = client.pending;
  }
  assert.equal(next, 100);
  assert(later <= 16, `${later} of them were under way`);
  assert(most <= 64, `${most} results of 4 MiB were fetched before one was taken`);
});

const START = `
import ipyparallel as ipp
def unsendable():
    return lambda: 1
def generator():
    return (i for i in range(3))
def large(n):
    return b"x" * n
def slow(x):
    import time
    time.sleep(0.02)
    return x
def forever():
    import time
    time.sleep(600)
`;

pythonTest("bad calls of Python's engines", async () => {
  await using folder = new RunFolder();
  await folder.start("controller", ["controller", "--ping=200", "--heartbeat-misses=5"]);
  await folder.says("controller", /Hub ready/);
  await using python = new PythonPeers(folder);
  python.startEngines(1);
  const doomed = await folder.start("ours", ["engine"]);
  const client = await Client.connect({ file: `${folder.dir}/security/ipcontroller-client.json` });
  try {
    await client.waitForEngines(2, { timeoutMs: 30_000 });
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Object.keys(engines).length === 2,
      "both are there",
    );
    const isPython = async (id: number) => {
      try {
        await client.direct(id).execute("import sys");
        return true;
      } catch {
        return false;
      }
    };
    const id = await isPython(0) ? 0 : 1;
    const one = client.direct(id), all = client.direct("all");
    await one.execute(START);
    const cases: readonly Case[] = [
      ["a function", () => one.apply((x: number) => x, 1), /Cannot send a TypeScript function to engine \d/],
      [
        "a function to both kinds",
        () => all.apply((x: number) => x, 1),
        /Cannot send a TypeScript function to engine \d/,
      ],
      ["an argument", () => one.apply(new Reference("slow"), unsendable), /args\[0\]\.list\[1\]\.callback/],
      ["a pushed value", () => one.push({ a: { b: new WeakMap() } }), /a\.b|a\[.b.\]/],
      ["an item", () => one.map(new Reference("slow"), [1, new WeakSet()]), /\[0\].*WeakSet/],
      ["a result", () => one.apply(new Reference("generator")), /RemoteError: .*(pickle|generator)/],
      [
        "limits",
        () => one.with({ limits: { runTimeoutMs: 5 } }).apply(new Reference("slow"), 1),
        /Cannot hold limits on engine/,
      ],
      [
        "an unknown name",
        () => one.apply(new Reference("nobody")),
        /NameError: name 'nobody' is not defined/,
      ],
    ];
    for (const one of cases) await failsWith(one, client);
    assert.equal(await one.apply(new Reference("slow"), 5), 5);
    assert.equal((await one.apply(new Reference("large"), 5_000_000) as Uint8Array).length, 5_000_000);
    const small = await Client.connect({
      file: `${folder.dir}/security/ipcontroller-client.json`,
      maxResultBytes: 1e6,
    });
    await small.close();

    // And it leaves in the middle.
    const map = one.map(new Reference("slow"), range(500)).get();
    const scattered = one.apply(new Reference("forever"));
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Number(engines[id]?.completed ?? 0) > 12,
      "it is at work",
    );
    const ends = Promise.allSettled([map, scattered]);
    await python[Symbol.asyncDispose]();
    for (const end of await ends) {
      const error = (end as PromiseRejectedResult).reason;
      assert(error instanceof EngineError, String(error));
      assert.match(error.message, /is gone before it answered: the task may have run/);
    }
    Deno.kill(doomed.id.pid, "SIGTERM");
    await doomed.ended;
    await eventually(() => client.ids.length, (count) => count === 0, "nobody is left");
    await failsWith(["nobody", () => all.apply(() => 1), /^NoEnginesRegistered: /], client);
  } finally {
    await client.close();
  }
});
