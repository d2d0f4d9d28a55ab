/**
 * Ends granted programs when their host is killed. The kernel ends the slot's child with its host, but not what the child has started; so
 * a shell, which nothing can reach from inside the slot, waits for the end of a pipe that only the host holds, and then ends the slot's group.
 * And when all tasks of a slot are over, what they have started is ended too.
 */
import { groupMembers } from "../native/process_usage.ts";
import { closeFd, kill, pipe, SIGNAL, spawn, waitpid } from "../native/libc.ts";

const SHELL = "/bin/sh";
const ROUNDS = 3;

export class ProgramGuard {
  readonly #pid: number;
  readonly #end: number;
  readonly #group: number;
  #isOver = false;
  #hasEndedTask = false;

  private constructor(group: number, pid: number, end: number) {
    this.#group = group;
    this.#pid = pid;
    this.#end = end;
  }

  /** Guards a process group. @throws Error if there is no shell */
  static over(group: number): ProgramGuard {
    const line = pipe(), output = pipe();
    try {
      // The group is there as long as one of its processes is: its number is nobody else's.
      const command = [SHELL, "-c", `read x; kill -s KILL -- -${group}`];
      const pid = spawn({ command, env: {}, stdio: [line.read, output.write, output.write] });
      return new ProgramGuard(group, pid, line.write);
    } catch (error) {
      closeFd(line.write);
      throw error;
    } finally {
      for (const fd of [line.read, output.read, output.write]) closeFd(fd);
    }
  }

  /** A task of the slot is over: its programs may be left. */
  taskEnded(): void {
    this.#hasEndedTask = true;
  }

  /** No task is left in the slot: nor are programs, if any was there since. Those that start others meanwhile are looked for again. */
  endPrograms(): void {
    if (!this.#hasEndedTask) return;
    this.#hasEndedTask = false;
    for (let i = 0; i < ROUNDS; i++) {
      const programs = groupMembers(this.#group).filter((pid) => pid !== this.#group);
      if (programs.length === 0) return;
      for (const pid of programs) kill(pid, SIGNAL.kill);
    }
  }

  /** It is not needed any more: the group has been ended. Harmless twice. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    kill(this.#pid, SIGNAL.kill);
    waitpid(this.#pid, "block");
    closeFd(this.#end);
  }
}
