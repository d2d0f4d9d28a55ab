/**
 * Commands of other systems, run to their end: `sbatch`, `qstat`, `ssh`. What they say is kept, since only they know why something failed.
 */
import { ClusterError } from "./launcher.ts";

/** A command to run. */
export interface Call {
  readonly words: readonly string[];
  /** Written to its standard input; none: it reads nothing. */
  readonly input?: string | undefined;
  /** Added to this process's own environment. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What came of it. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A batch system that does not answer is not waited for for ever. */
const TIMEOUT_MS = 60_000;

/**
 * Runs a command to its end.
 * @throws ClusterError if there is no such command, or it takes too long
 */
export async function runCommand(call: Call): Promise<Answer> {
  const [command = "", ...args] = call.words;
  const { input, environment = {}, timeoutMs = TIMEOUT_MS } = call;
  // Not `AbortSignal.timeout`: while a command listens to it, it keeps the program alive until then, even after the command's end.
  const late = new AbortController(), { signal } = late;
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const child = new Deno.Command(command, {
      args,
      env: { ...environment },
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
    const output = child.output();
    if (input !== undefined) await write(child.stdin, input);
    const { code, stdout, stderr } = await output;
    if (signal.aborted) {
      throw new ClusterError(`Cannot run \`${lineOf(call)}\`: it took more than ${timeoutMs} ms`);
    }
    return { code, out: decode(stdout), err: decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new ClusterError(
        `Cannot run "${command}": command not found; is its system installed here, and on the PATH?`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ClusterError(`Cannot run "${command}": permission denied`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a command to its end, whatever that is, and appends what it says to a file.
 * @returns how many bytes its standard output had; what it said of errors is in the file too, but not counted
 */
export async function runCommandInto({ words, input = "" }: Call, path: string): Promise<number> {
  const [command = "", ...args] = words;
  const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const [, count] = await Promise.all([
    write(child.stdin, input),
    append(child.stdout, path),
    append(child.stderr, path),
  ]);
  await child.status;
  return count;
}

async function append(stream: ReadableStream<Uint8Array>, path: string): Promise<number> {
  let count = 0;
  for await (const bytes of stream) {
    Deno.writeFileSync(path, bytes, { append: true, mode: 0o600 });
    count += bytes.length;
  }
  return count;
}

/** What a command said of its failure: its errors, else its output, on one line. */
export function wordsOfAnswer({ code, out, err }: Answer): string {
  const text = (err.trim() || out.trim()).split("\n").map((line) => line.trim()).filter((line) => line !== "")
    .join("; ");
  return text === "" ? `exit code ${code}` : text;
}

async function write(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch (error) {
    // It did not care to read it: its exit code says more.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function lineOf({ words }: Call): string {
  return words.join(" ");
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
