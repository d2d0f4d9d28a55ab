/** Connections that break, or that somebody else opens under a name that is taken: who comes last under a name is heard. */
import assert from "node:assert/strict";
import type { Client } from "../../src/client/client.ts";
import { type EngineConnection, readConnectionFile } from "../../src/protocol/connection_file.ts";
import { Context } from "../../src/wire/context.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { CutLine } from "./cut_line.ts";
import { eventually, Run } from "./run.ts";

/** Starts an engine whose connections all go through a line that can be cut. */
async function startBehind(line: CutLine, run: Run, folder: RunFolder): Promise<void> {
  const engine: EngineConnection = readConnectionFile(run.engineFile, "engine");
  const file = `${folder.dir}/engine.json`;
  Deno.writeTextFileSync(file, JSON.stringify(line.before(engine)), { mode: 0o600 });
  await folder.start("engine", ["engine", "--file", file]);
  await run.client.waitForEngines(2, { timeoutMs: 20_000 });
}

/**
 * Asks again and again until the right answer comes: what went into the old connection is lost with it and ends with an error, and while the
 * engine registers anew it cannot be named.
 */
async function isReached(ask: () => PromiseLike<unknown>, right: unknown, what: string): Promise<void> {
  const answers: string[] = [];
  await eventually(
    () => {
      void new Promise((resolve) => resolve(ask())).then(
        (value) => answers.push(JSON.stringify(value)),
        (error) => answers.push(String(error)),
      );
      return answers.slice(-3);
    },
    () => answers.includes(JSON.stringify(right)),
    what,
  );
}

Deno.test("an engine whose connections broke without the controller's notice is reached by the new ones", async (test) => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--ping=200", "--heartbeat-misses=2"] });
  await using folder = new RunFolder();
  await using line = new CutLine();
  await startBehind(line, run, folder);
  const { client }: { client: Client } = run;
  const one = client.direct([1]);
  assert.deepEqual(await one.apply((x: number) => x + 1, 1), [2]);

  const broken = line.cut();
  assert(broken >= 7, `${broken} connections broke`);
  await eventually(() => line.standing, (count) => count >= broken, "all stand again");
  const add = (x: number) => x + 1;
  await test.step("by direct requests", () =>
    isReached(() => one.apply(add, 1), [2], "a direct request is answered"));
  await test.step(
    "by tasks of the scheduler",
    () => isReached(() => client.loadBalanced({ targets: [1] }).apply(add, 1), 2, "a task is answered"),
  );
  await test.step("and its heart is heard", async () => {
    const uptime = async () => Number((await client.status()).uptimeMs);
    const before = await uptime();
    // Ten beats, of which two in a row may be missed.
    await eventually(uptime, (now) => now > before + 2000, "ten beats have passed");
    assert.deepEqual(client.ids, [0, 1]);
    assert.doesNotMatch(run.log("ipcontroller"), /heart stopped/);
  });
});

Deno.test("tasks that an engine had when its connections broke end, each once", async () => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--ping=200", "--heartbeat-misses=50"] });
  await using folder = new RunFolder();
  await using line = new CutLine();
  await startBehind(line, run, folder);
  const { client }: { client: Client } = run;
  const nap = async (ms: number) => void await new Promise((resolve) => setTimeout(resolve, ms));
  const balanced = client.loadBalanced({ targets: [1] });
  await Promise.all([balanced.apply(nap, 1), client[1]!.apply(nap, 1)]);
  const before = [balanced.apply(nap, 1500), client[1]!.apply(nap, 1500)];
  await eventually(() => client.queueStatus(), ({ engines }) => engines[1]?.tasks === 1, "it has the task");
  line.cut();
  // These may go into the connection that is none any more.
  const into = [balanced.apply(nap, 1), client[1]!.apply(nap, 1)];
  const ends = Promise.allSettled([...before, ...into]);
  await eventually(
    () => [...before, ...into].filter((one) => one.done).length,
    (count) => count === 4,
    "all have ended",
  );
  for (const one of await ends) {
    if (one.status === "rejected") assert.match(String(one.reason), /EngineError|ImpossibleDependency/);
  }
  // Each of its connections that stands again has it register anew, so it may be away once more.
  const add = (x: number) => x + 1;
  await isReached(() => client.direct([1]).apply(add, 1), [2], "a direct request is answered");
  await isReached(() => client.loadBalanced({ targets: [1] }).apply(add, 1), 2, "a task is answered");
});

Deno.test("a second connection under a name that is taken is read as the first is, at every port", async () => {
  await using run = await Run.start({ n: 1 });
  const files = {
    client: readConnectionFile(run.clientFile, "client"),
    engine: readConnectionFile(run.engineFile, "engine"),
  };
  const ports = [
    ...[files.client, files.engine].flatMap(({ control, mux, task }) => [control, mux, task!]),
    files.client.broadcast,
    ...files.engine.broadcast,
    files.client.registration,
  ];
  using context = Context.open();
  const dropped = async () => Number((await run.client.status()).dropped);
  for (const port of ports) {
    for (let i = 0; i < 2; i++) {
      const before = await dropped();
      const socket = context.socket("DEALER", { identity: "somebody", lingerMs: 1000 });
      socket.connect(`tcp://127.0.0.1:${port}`);
      socket.send([new TextEncoder().encode("nonsense"), new TextEncoder().encode("more of it")]);
      await eventually(
        dropped,
        (count) => count > before,
        `the ${i + 1}. connection to port ${port} was read`,
      );
    }
  }
});
