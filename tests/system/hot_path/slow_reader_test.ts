/** A client process that is stopped while its results come: they do not pile up in the controller, others go on, and it gets them all when it wakes. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { eventually, queueIsEmpty, Run } from "../run.ts";
import { SHARE } from "./counted.ts";

/** 400 or 800 MB of results. */
const TASKS = SHARE === 1 ? 200_000 : 20_000, SIZE = SHARE === 1 ? 4000 : 20_000;

/** Resident memory of a process in MB. */
function residentMB(pid: number): number {
  const [, kB = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kB) / 1024;
}

/** The client's program. */
function startClient(run: Run): Deno.ChildProcess {
  const program = fileURLToPath(new URL("slow_client.ts", import.meta.url));
  const flags = ["run", "-A", "--no-check", "--unstable-worker-options"];
  return new Deno.Command(Deno.execPath(), {
    args: [...flags, program, run.clientFile, `${TASKS}`, `${SIZE}`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Kills it at the end of the test, where it has not ended: one that is stopped heeds no other signal. */
function ended(child: Deno.ChildProcess): AsyncDisposable {
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  return {
    async [Symbol.asyncDispose]() {
      if (!hasEnded) child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Waits until the controller has all its tasks. */
async function hasSubmitted(run: Run, before: number): Promise<void> {
  await eventually(
    async () => {
      const { finished, scheduler } = (await run.client.status()).queue as {
        finished: number;
        scheduler: { waiting: number; assigned: number };
      };
      return finished + scheduler.waiting + scheduler.assigned;
    },
    (known) => known >= before + TASKS,
    "all its tasks are there",
  );
}

async function isHeld(run: Run): Promise<void> {
  await eventually(
    () => run.log("ipcontroller"),
    (log) => /does not read its results/.test(log),
    "its tasks are held",
  );
}

Deno.test("a client that is stopped has its work wait, and gets all its results when it goes on", async () => {
  await using run = await Run.start({ controllerArgs: ["--database=none"] });
  const { client, controllerPid } = run;
  await client.loadBalanced().map((i: number) => i, Array.from({ length: 5000 }, (_, i) => i));
  const quiet = residentMB(controllerPid);
  const child = startClient(run);
  await using _end = ended(child);
  const done = async () => ((await client.status()).queue as { finished: number }).finished;
  await hasSubmitted(run, 5000);
  Deno.kill(child.pid, "SIGSTOP");
  await isHeld(run);
  const items = Array.from({ length: 5000 }, (_, i) => i);
  assert.deepEqual(await client.loadBalanced().map((i: number) => i + 1, items), items.map((i) => i + 1));
  const grown = residentMB(controllerPid) - quiet;
  assert(grown < 260, `${Math.round(grown)} MB more`);
  assert((await done()) < TASKS, "its tasks wait");
  Deno.kill(child.pid, "SIGCONT");
  const { stdout } = await child.output();
  assert.match(new TextDecoder().decode(stdout), new RegExp(`right: ${TASKS}`));
  await queueIsEmpty(client);
});

Deno.test("a client that dies while it is held leaves nothing: its tasks go on and end", async () => {
  await using run = await Run.start({ controllerArgs: ["--database=none"] });
  const { client, controllerPid } = run;
  const child = startClient(run);
  await using _end = ended(child);
  await hasSubmitted(run, 0);
  Deno.kill(child.pid, "SIGSTOP");
  await isHeld(run);
  child.kill("SIGKILL");
  await child.status;
  await queueIsEmpty(client);
  assert.equal(await client.loadBalanced().apply(() => 1), 1);
  assert(residentMB(controllerPid) < 400, `${Math.round(residentMB(controllerPid))} MB`);
});
