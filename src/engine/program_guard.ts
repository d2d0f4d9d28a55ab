/**
 * Ends granted programs when their host is killed. The kernel ends the slot's child with its host, but not what the child has started; so
 * a shell, which nothing can reach from inside the slot, waits for the end of a pipe that only the host holds, and then ends the slot's group.
 */
import { closeFd, kill, pipe, SIGNAL, spawn, waitpid } from "../native/libc.ts";

const SHELL = "/bin/sh";

export class ProgramGuard {
  readonly #pid: number;
  readonly #end: number;
  #isOver = false;

  private constructor(pid: number, end: number) {
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
      return new ProgramGuard(pid, line.write);
    } catch (error) {
      closeFd(line.write);
      throw error;
    } finally {
      for (const fd of [line.read, output.read, output.write]) closeFd(fd);
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
