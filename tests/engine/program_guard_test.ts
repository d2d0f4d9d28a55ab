/** What a slot's tasks have started ends with the tasks, and with a host that is killed. */
import assert from "node:assert/strict";
import { ProgramGuard } from "../../src/engine/program_guard.ts";
import { closeFd, kill, pipe, readFd, SIGNAL, spawn, waitpid } from "../../src/native/libc.ts";
import { groupMembers } from "../../src/native/process_usage.ts";

Deno.test({
  name: "programs of a slot whose tasks are all over are ended, the slot's process is not",
  ignore: Deno.build.os !== "linux",
  fn() {
    const line = pipe(), output = pipe();
    // Stands for a slot's process: it waits for a line, and two programs run beside it.
    const command = ["/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo started; read x; wait"];
    const slot = spawn({
      command,
      env: { PATH: "/usr/bin:/bin" },
      stdio: [line.read, output.write, output.write],
    });
    const guard = ProgramGuard.over(slot);
    try {
      assert.equal(new TextDecoder().decode(readLine(output.read)), "started\n");
      assert.equal(running(slot).length, 3);
      guard.endPrograms();
      assert.equal(running(slot).length, 3, "no task has ended");
      guard.taskEnded();
      guard.endPrograms();
      for (let left = 3; left > 1;) left = running(slot).length;
      assert.deepEqual(running(slot), [slot]);
    } finally {
      kill(-slot, SIGNAL.kill);
      waitpid(slot, "block");
      guard.close();
      for (const fd of [line.read, line.write, output.read, output.write]) closeFd(fd);
    }
  },
});

/** Those of a group that are not dead yet. */
function running(group: number): number[] {
  return groupMembers(group).filter((pid) => {
    try {
      return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
    } catch {
      return false;
    }
  });
}

/** Blocks until there is something to read. */
function readLine(fd: number): Uint8Array {
  const buffer = new Uint8Array(64);
  const length = readFd(fd, buffer);
  return buffer.subarray(0, Math.max(0, length));
}
