/** Processes of a cluster: started apart, recognised by birth, ended politely and otherwise. */
import assert from "node:assert/strict";
import {
  hasEnded,
  identify,
  isAlive,
  lastLines,
  startProcess,
  stopProcess,
} from "../../src/cluster/process.ts";

async function shell(
  script: string,
  run: (log: string, start: () => ReturnType<typeof startProcess>) => Promise<void>,
) {
  const dir = await Deno.makeTempDir();
  const logPath = `${dir}/log`;
  try {
    await run(
      logPath,
      () => startProcess({ command: "sh", args: ["-c", script], environment: { WORD: "hello" }, logPath }),
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function lineAppears(log: string, line: string): Promise<void> {
  while (!lastLines(log, 100).includes(line)) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("startProcess() gives a session of its own, the environment, and both streams in the log", async () => {
  await shell("echo $WORD; echo bad >&2; exit 3", async (log, start) => {
    const process = await start();
    assert.deepEqual(await process.ended, { code: 3, signal: null });
    assert.deepEqual(lastLines(log, 5), ["hello", "bad"]);
    assert.equal(Deno.statSync(log).mode! & 0o777, 0o600);
    assert.equal(isAlive(process.id), false);
  });
  await shell("sleep 60 & wait", async (_log, start) => {
    const process = await start();
    const stat = await Deno.readTextFile(`/proc/${process.id.pid}/stat`);
    const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    assert.deepEqual([group, session], [String(process.id.pid), String(process.id.pid)]);
    assert.equal(await stopProcess(process.id, 5000), "ended");
    assert.equal((await process.ended).signal, "SIGTERM");
  });
});

Deno.test("startProcess() of a program that is not there ends at once, and the log says why", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const spec = { command: `${dir}/nothing`, args: [], environment: {}, logPath: `${dir}/log` };
    assert.equal((await (await startProcess(spec)).ended).code, 127);
    assert.match(lastLines(spec.logPath, 1)[0] ?? "", /nothing.*not found/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("startProcess() hands arguments on as they are, also to what Deno takes for itself", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const program = `${dir}/program`;
    await Deno.writeTextFile(program, '#!/bin/sh\nfor word; do echo "<$word>"; done\n', { mode: 0o700 });
    const spec = {
      command: program,
      args: ["", "a b", "$HOME", "'"],
      environment: {},
      logPath: `${dir}/log`,
    };
    await (await startProcess(spec)).ended;
    assert.deepEqual(lastLines(spec.logPath, 9), ["<>", "<a b>", "<$HOME>", "<'>"]);
    const deno = { command: Deno.execPath(), args: ["--version"], environment: {}, logPath: `${dir}/deno` };
    await (await startProcess(deno)).ended;
    assert.match(lastLines(deno.logPath, 9)[0] ?? "", /^deno \d/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("stopProcess() kills what does not listen, with its whole group", async () => {
  await shell(
    "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; exec sleep 60' & echo ready; wait",
    async (log, start) => {
      const process = await start();
      while (lastLines(log, 2).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      const inner = Number(lastLines(log, 2).find((line) => line !== "ready"));
      assert.equal(await stopProcess(process.id, 100), "killed");
      assert.equal((await process.ended).signal, "SIGKILL");
      assert.equal(await hasEnded(identify(inner), 2000), true);
      assert.equal(await stopProcess(process.id, 100), "gone");
    },
  );
});

Deno.test("isAlive() does not take another process with the same pid for the one that was meant", async () => {
  const own = identify(Deno.pid);
  assert.equal(isAlive(own), true);
  assert.equal(isAlive({ pid: own.pid, born: "1" }), false);
  await shell("echo ready; read line", async (log, start) => {
    const process = await start();
    await lineAppears(log, "ready");
    await process.ended;
    assert.equal(isAlive(process.id), false);
  });
});
