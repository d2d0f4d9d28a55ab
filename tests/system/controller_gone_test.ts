/** The controller goes while one of everything is awaited: each ends with an error that says so, or goes on when the controller comes back. */
import assert from "node:assert/strict";
import { AsyncResult, Client, ControllerGone, ResultGroup } from "../../src/client/client.ts";
import type { Process } from "../../src/cluster/process.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { type ClientConnection, readConnectionFile } from "../../src/protocol/connection_file.ts";
import { CutLine } from "./cut_line.ts";
import { eventually, PATIENCE_MS, queueIsEmpty, Run } from "./run.ts";

const forever = () => new Promise<number>((resolve) => setTimeout(() => resolve(0), 600_000));
const nap = (ms: number, value: number) =>
  new Promise<number>((resolve) => setTimeout(() => resolve(value), ms));

function clientFile(folder: RunFolder): string {
  return `${folder.dir}/security/ipcontroller-client.json`;
}

async function startController(folder: RunFolder, name: string, ...args: string[]): Promise<Process> {
  const controller = await folder.start(name, ["controller", "--ping=150", ...args]);
  await folder.says(name, /Hub ready/);
  return controller;
}

async function kill(process: Process, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
  Deno.kill(process.id.pid, signal);
  await process.ended;
}

async function connected(folder: RunFolder, engines: number, controllerTimeoutMs: number): Promise<Client> {
  const client = await Client.connect({ file: clientFile(folder), controllerTimeoutMs });
  await client.waitForEngines(engines, { timeoutMs: 30_000 });
  return client;
}

/** What both engines answer; an error as text: one may be away once more. */
async function bothAnswer(client: Client): Promise<unknown> {
  try {
    return await client.direct([0, 1]).apply((x: number) => x, 5);
  } catch (error) {
    return String(error);
  }
}

/** Everything that can be awaited, by name. */
function oneOfEach(client: Client): Record<string, () => PromiseLike<unknown>> {
  const balanced = client.loadBalanced(), all = client.direct("all");
  const first = balanced.apply(forever);
  const printing = balanced.apply(async () => {
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });
  const direct = all.apply(forever);
  const group = new ResultGroup({ limit: 2 });
  group.add(first);
  group.add(printing);
  const endless = async function* () {
    for (let i = 0; i < 3; i++) yield i;
    // An input that has nothing more to give for now.
    await new Promise<void>((resolve) => setTimeout(resolve, 600_000, undefined)).catch(() => {});
  };
  const drained = async (iterable: AsyncIterable<unknown>) => {
    for await (const _ of iterable);
  };
  const big = new Uint8Array(48 << 20).fill(7);
  const graph = client.graph({ a: { run: forever }, b: { run: forever, after: ["a"] } });
  return {
    "a task": () => first,
    "a task's get": () => first.get(),
    "a task's wait": () => first.wait().then(() => first),
    "a part": () => direct.parts()[0]!,
    "a direct call": () => direct,
    "its iteration": () => drained(direct),
    "its values in order": () => drained(direct.inOrder()),
    "a result group": () => group,
    "room in a group": () => group.submit(() => balanced.apply(forever)),
    "a group's iteration": () => drained(group),
    "several results": () => AsyncResult.all([balanced.apply(forever), balanced.apply(forever)]),
    "a map": () => balanced.map(forever, [1, 2, 3]),
    "a map's iteration": () => drained(balanced.map(forever, [1, 2, 3])),
    "a direct map": () => all.map(forever, [1, 2, 3]),
    "imap": () => drained(balanced.imap((x: number) => x, endless(), { maxOutstanding: 2 })),
    "a detached map whose input waits": () =>
      drained(balanced.with({ detached: true }).map((x: number) => x, endless())),
    "a graph": () => graph.values(),
    "a large push": () => all.push({ big }),
    "a large argument": () => balanced.apply((b: Uint8Array) => b.length, big),
    "a pull": () => all.pull("big"),
    "a task that waits for another": () => balanced.with({ after: first }).apply(forever),
    "another client's result": () => client.result(first.msgIds[0]!),
    "waitForEngines": () => client.waitForEngines(99),
    "stdout": async () => {
      await drained(printing.stdout);
      await printing;
    },
    "outputReady": async () => {
      await printing.outputReady({ timeoutMs: 600_000 });
      await printing;
    },
  };
}

/** Hub requests: made when the controller is gone, they end by their own time at the latest. */
function questions(client: Client): Record<string, () => PromiseLike<unknown>> {
  const drained = async (iterable: AsyncIterable<unknown>) => {
    for await (const _ of iterable);
  };
  const options = { timeoutMs: 600_000 };
  return {
    "queueStatus": () => client.queueStatus(options),
    "tasks": () => drained(client.tasks({}, null, options)),
    "history": () => client.history(options),
    "an interrupt": () => client.direct("all").interrupt(options),
  };
}

/** Starts all of them and waits until each has settled; fails with the names of those that have not. */
async function outcomes(
  each: Record<string, () => PromiseLike<unknown>>,
  act: () => Promise<void>,
): Promise<Map<string, PromiseSettledResult<unknown>>> {
  const ends = new Map<string, PromiseSettledResult<unknown>>();
  for (const [name, start] of Object.entries(each)) {
    Promise.resolve(start()).then(
      (value) => ends.set(name, { status: "fulfilled", value }),
      (reason) => ends.set(name, { status: "rejected", reason }),
    );
  }
  await act();
  await eventually(
    () => Object.keys(each).filter((name) => !ends.has(name)),
    (open) => open.length === 0,
    "everything has settled",
  );
  return ends;
}

function isGone(error: unknown): boolean {
  if (error instanceof ControllerGone) return true;
  return error instanceof Error && "errors" in error && (error.errors as unknown[]).every(isGone);
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`everything that is awaited ends when the controller goes by ${signal}`, async () => {
    await using folder = new RunFolder();
    const controller = await startController(folder, "controller");
    await folder.start("engines", ["engine", "--engines", "2"]);
    const client = await connected(folder, 2, 1500);
    try {
      const before = Date.now();
      const ends = await outcomes(oneOfEach(client), () => kill(controller, signal));
      for (const [name, end] of ends) {
        assert(end.status === "rejected", `${name} gave ${JSON.stringify(end)}`);
        assert(isGone(end.reason), `${name}: ${end.reason?.stack ?? end.reason}`);
      }
      const error = (ends.get("a task") as PromiseRejectedResult).reason as ControllerGone;
      assert.match(error.message, /The controller at "tcp:\/\/127\.0\.0\.1:\d+" (is gone|was shut down)/);
      assert.match(error.message, /since 20\d\d-.*Start it again and connect anew/);
      assert(error.since >= before - 5000 && error.since <= Date.now());
      assert.equal(client.pending, 0);
      // And whoever comes later hears it at once.
      assert.throws(() => client.loadBalanced().apply(() => 1), ControllerGone);
      assert.throws(() => client.loadBalanced().map((x: number) => x, [1]), ControllerGone);
      await assert.rejects(client.queueStatus(), ControllerGone);
      await assert.rejects(client.waitForEngines(99), ControllerGone);
    } finally {
      await client.close();
    }
  });
}

Deno.test("questions to the hub end when it is gone; one that is over before says what is known", async () => {
  await using folder = new RunFolder();
  const controller = await startController(folder, "controller");
  await folder.start("engines", ["engine"]);
  const client = await connected(folder, 1, 2000);
  try {
    const open = client.loadBalanced().apply(forever);
    await kill(controller);
    const short = assert.rejects(client.queueStatus({ timeoutMs: 300 }), {
      name: "TimeoutError",
      message: /no reply in 300 ms; the connection to the controller at .* is broken since/,
    });
    const ends = await outcomes(questions(client), async () => {});
    for (const [name, end] of ends) {
      assert(
        end.status === "rejected" && end.reason instanceof ControllerGone,
        `${name}: ${JSON.stringify(end)}`,
      );
    }
    await short;
    await assert.rejects(open.then(), ControllerGone);
  } finally {
    await client.close();
  }
});

Deno.test("a controller that comes back within the patience: what had ended, what was not sent and what is new goes on", async (test) => {
  await using folder = new RunFolder();
  const first = await startController(folder, "first", "--restore");
  await folder.start("engines", ["engine", "--engines", "2"]);
  const client = await connected(folder, 2, PATIENCE_MS * 2);
  try {
    const view = client.loadBalanced();
    assert.equal(await view.apply((x: number) => x + 1, 1), 2);
    // Kept by the controller that goes; no engine has seen it yet.
    const kept = await client.put(new Uint8Array(3 << 20).fill(3));
    // An engine is kept by what runs there, though nobody takes the result any more.
    const running = view.apply(nap, 4000, 1), direct = client.direct("all").apply(nap, 2000, 2);
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => (engines[0]?.queue ?? 0) === 1,
      "they are there",
    );
    await kill(first);
    await eventually(
      () => client.queueStatus({ timeoutMs: 50 }).then(() => "", String),
      (said) => /is broken/.test(said),
      "it is noticed",
    );
    // Submitted while nobody is there. Each connection of an engine that stands again has it register anew, and it drops what it has got since.
    const retried = view.with({ retries: 5 });
    const waiting = Array.from({ length: 100 }, (_, i) => retried.apply(nap, 5, i));
    const map = retried.map((x: number) => x * 2, Array.from({ length: 3000 }, (_, i) => i)).get();
    const large = retried.apply((b: Uint8Array) => b.length, new Uint8Array(30 << 20));
    const engines = client.waitForEngines(2);
    const named = retried.apply((b: Uint8Array) => b.at(-1), kept);
    const putting = client.put({ big: new Uint8Array(20 << 20).fill(4) });
    await startController(folder, "second", "--restore");

    await test.step("what was submitted meanwhile runs", async () => {
      assert.deepEqual(await Promise.all(waiting), waiting.map((_, i) => i));
      assert.deepEqual((await map).slice(0, 3), [0, 2, 4]);
      assert.equal(await large, 30 << 20);
      await engines;
    });
    await test.step("what was put is kept by the new one too, and what was put meanwhile", async () => {
      assert.equal(await named, 3);
      assert.equal(await retried.apply(({ big }: { big: Uint8Array }) => big.at(-1), await putting), 4);
    });
    await test.step("what was at engines is lost, and says so", async () => {
      await assert.rejects(running.then(), { name: "EngineError", message: /may have run/ });
      await assert.rejects(direct.then(), { name: "CompositeError", message: /may have run/ });
    });
    await test.step("and the client goes on", async () => {
      await client.waitForEngines(2, { timeoutMs: PATIENCE_MS });
      await eventually(
        () => bothAnswer(client),
        (values) => String(values) === "5,5",
        "both engines answer",
      );
      assert.equal(await retried.apply((b: Uint8Array) => b.length, new Uint8Array(3 << 20)), 3 << 20);
      assert.equal(client.pending, 0);
    });
  } finally {
    await client.close();
  }
});

Deno.test("a client that is idle while the controller is started anew goes on as if nothing had been", async () => {
  await using folder = new RunFolder();
  const first = await startController(folder, "first", "--restore");
  await folder.start("engines", ["engine", "--engines", "2"]);
  const client = await connected(folder, 2, 500);
  try {
    const task = client.loadBalanced().apply((x: number) => x + 1, 1);
    assert.equal(await task, 2);
    const [msgId = ""] = task.msgIds;
    await eventually(
      async () => (await client.query({ msg_id: msgId }, ["completed"]))[0]?.completed,
      (completed) => completed != null,
      "it is recorded",
    );
    await kill(first);
    // Longer than the patience, which counts only while something is awaited.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await startController(folder, "second", "--restore");
    const later = await Client.connect({ file: clientFile(folder) });
    await later.waitForEngines(2, { timeoutMs: PATIENCE_MS });
    await later.close();
    await eventually(
      () => client.queueStatus({ timeoutMs: 1000 }).then(() => client.ids.length, () => 0),
      (count) => count === 2,
      "it has found its way back",
    );
    assert.equal(await client.loadBalanced({ retries: 5 }).apply((x: number) => x + 1, 2), 3);
    await eventually(
      () => bothAnswer(client),
      (values) => String(values) === "5,5",
      "both engines answer",
    );
    assert.equal(await client.result(msgId, { timeoutMs: 5000 }), 2);
  } finally {
    await client.close();
  }
});

Deno.test("a line that breaks between a client and a controller that lives on: what was under way ends as it ended there", async () => {
  await using run = await Run.start({ n: 2 });
  await using line = new CutLine();
  const info: ClientConnection = line.before(readConnectionFile(run.clientFile, "client"));
  const client = await Client.connect({ connection: info, controllerTimeoutMs: PATIENCE_MS * 2 });
  try {
    await client.waitForEngines(2, { timeoutMs: PATIENCE_MS });
    const view = client.loadBalanced();
    const before = await view.apply((x: number) => x + 1, 1);
    assert.equal(before, 2);
    // They run, they wait, and one tells its end into the line that is none any more.
    const talking = view.apply(async (ms: number) => {
      console.log("begun");
      await new Promise((resolve) => setTimeout(resolve, ms));
      console.log("ended");
      return "said";
    }, 400);
    const failing = view.apply(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      throw new RangeError("as it was to be");
    }, 300);
    const many = Array.from({ length: 60 }, (_, i) => view.apply(nap, 40, i));
    const direct = client.direct("all").apply(nap, 200, 7);
    await eventually(
      () => run.client.queueStatus(),
      ({ engines }) => Number(engines[0]?.tasks) > 0,
      "they are there",
    );
    line.cut();
    assert.deepEqual(await Promise.all(many), many.map((_, i) => i));
    assert.equal(await talking, "said");
    await talking.outputReady();
    assert.equal(talking.metadata.stdout, "begun\nended\n");
    await assert.rejects(failing.then(), { name: "RemoteError", message: /RangeError: as it was to be/ });
    assert.deepEqual(await direct, [7, 7]);
    assert.equal(client.pending, 0);
    assert.equal(await view.apply((x: number) => x + 1, 5), 6);
    assert.deepEqual(await client.direct("all").apply((b: Uint8Array) => b.length, new Uint8Array(3 << 20)), [
      3 << 20,
      3 << 20,
    ]);
    await queueIsEmpty(run.client);
  } finally {
    await client.close();
  }
});
