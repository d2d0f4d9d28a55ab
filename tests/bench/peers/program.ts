/** A peer's program: one line of JSON asked, one answered. */

import { treesOf } from "../memory.ts";

/** Within this time an answer comes, or the peer is given up. */
const DEADLINE_MS = 120_000;
/** Within this time it stops its workers. */
const STOP_MS = 20_000;

export class PeerProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  readonly #deadlineMs: number;
  #rest = "";
  /** Why it was ended, if it did not end by itself. */
  #givenUp: string | undefined;

  constructor(
    [command, ...args]: readonly [string, ...string[]],
    { deadlineMs = DEADLINE_MS }: { readonly deadlineMs?: number } = {},
  ) {
    this.#deadlineMs = deadlineMs;
    const streams = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    this.#child = new Deno.Command(command, { args, ...streams }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
    // Who is ended closes this too.
    this.#errors.catch(() => {});
  }

  /** @throws Error with what the program said on stderr if it ends, or that it is too slow; then it is ended with its workers */
  async ask(question: unknown): Promise<unknown> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`)).catch(() => {});
    return await this.next();
  }

  /**
   * The next answer; what else the peer says on its stdout is passed over.
   * @throws Error as `ask` does
   */
  async next(): Promise<unknown> {
    const deadline = setTimeout(() => {
      this.#end(`no answer within ${this.#deadlineMs / 1000} s`);
    }, this.#deadlineMs);
    try {
      return await this.#answer();
    } finally {
      clearTimeout(deadline);
    }
  }

  async #answer(): Promise<unknown> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        if (/^(\[|-?\d|null)/.test(line)) return JSON.parse(line);
        continue;
      }
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(this.#givenUp ?? `The program ended:\n${await this.#errors}`);
      this.#rest += value;
    }
  }

  /** Its workers too, which would go on without it. */
  #end(reason: string): void {
    this.#givenUp ??= reason;
    for (const pid of Deno.build.os === "linux" ? treesOf([this.#child.pid]) : [this.#child.pid]) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // Gone meanwhile.
      }
    }
    // A worker that left the tree may hold the other end still.
    void this.#lines.cancel().catch(() => {});
  }

  /** Closes its input, on which it stops its workers and ends; ends it if it does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    const deadline = setTimeout(() => this.#end("it did not stop"), STOP_MS);
    await this.#writer.close().catch(() => {});
    await this.#lines.cancel().catch(() => {});
    await this.#child.status;
    clearTimeout(deadline);
  }
}
