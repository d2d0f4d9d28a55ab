/** The files of examples/ as their readers run them: each with a cluster of its own, and each says what it should. */
import assert from "node:assert/strict";
import { PATIENCE_MS, Run } from "./run.ts";

const FOLDER = new URL("../../examples/", import.meta.url);

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running example in a folder of its own, which has to be empty of sockets and processes at the end. */
class Example implements AsyncDisposable {
  readonly #home = Deno.makeTempDirSync({ prefix: "tsparallel-example-" });
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<[string, string]>;
  #stdout = "";
  #heard: () => void = () => {};

  constructor(name: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-prompt", new URL(`${name}.ts`, FOLDER).pathname, ...args],
      cwd: this.#home,
      env: { IPYTHONDIR: this.#home, NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#listen(), new Response(this.#child.stderr).text()]);
  }

  async #listen(): Promise<string> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#stdout += text;
      this.#heard();
    }
    return this.#stdout;
  }

  /** Waits until it has written this. */
  async says(text: string): Promise<void> {
    const late = AbortSignal.timeout(PATIENCE_MS);
    late.onabort = () => this.#heard();
    while (!this.#stdout.includes(text)) {
      late.throwIfAborted();
      await new Promise<void>((resolve) => this.#heard = resolve);
    }
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async end(): Promise<Said> {
    const [{ code }, [stdout, stderr]] = await Promise.all([this.#child.status, this.#reading]);
    return { code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await Deno.remove(this.#home, { recursive: true });
  }
}

/** What an example writes to stdout, once it has ended well. */
async function outputOf(name: string, args: readonly string[] = [], env = {}): Promise<string> {
  await using example = new Example(name, args, env);
  const { code, stdout, stderr } = await example.end();
  assert.equal(code, 0, `${name}: ${stderr}`);
  return stdout;
}

/** The numbers that a pattern catches. */
function numbersIn(text: string, pattern: RegExp): number[] {
  const found = pattern.exec(text);
  assert(found !== null, `${pattern} is not in:\n${text}`);
  return found.slice(1).map(Number);
}

/** Each example, and what its output has to hold. */
const CHECKS: Readonly<Record<string, (said: string) => void>> = {
  pi: (said) => {
    const [pi = 0] = numbersIn(said, /^π is about ([\d.]+), from 4000000 points in 40 tasks$/m);
    // Four standard errors of so many points.
    assert(Math.abs(pi - Math.PI) < 4 * Math.sqrt(Math.PI * (4 - Math.PI) / 4_000_000), said);
  },
  options_pricing: (said) => {
    const rows = said.trimEnd().split("\n").slice(1).map((line) => line.trim().split(/\s+/).map(Number));
    assert.equal(rows.length, 9);
    for (const row of rows) {
      const [strike = 0, , euroCall = 0, closed = 0, euroPut = 0, asianCall = 0] = row;
      assert(Math.abs(euroCall - closed) < 0.6, said);
      // Put and call of one strike differ by what the share costs less the strike of today.
      assert(Math.abs(euroCall - euroPut - (100 - strike * Math.exp(-0.05))) < 1, said);
      assert(asianCall < euroCall, said);
    }
    assert.deepEqual(rows[0]?.slice(0, 2), [90, 0.1]);
  },
  dependencies: (said) =>
    assert.deepEqual(said.trimEnd().split("\n").map((line) => line.trim()), [
      "follow: 1,2,3 was sorted where it was loaded",
      "the same engine: true",
      "later: true",
      "any:    went on",
      "failed: repaired",
      "a task that waits for its success: ImpossibleDependency",
    ]),
  dag: (said) => assert.equal(said, "32 tasks ran; 128 of 128 edges were kept\n"),
  word_count: (said) => {
    const words = Deno.readTextFileSync(new URL("data/alice.txt", FOLDER)).toLowerCase()
      .match(/[a-z]+(?:'[a-z]+)*/g) ?? [];
    assert.deepEqual(numbersIn(said, /^(\d+) words, (\d+) different$/m), [words.length, new Set(words).size]);
    assert.match(said, /^as counted here: true$/m);
    assert.deepEqual(numbersIn(said, /^ +(\d+) {2}the$/m), [words.filter((word) => word === "the").length]);
  },
  task_profiler: (said) => {
    const [wall = 0] = numbersIn(said, /^executed 200 tasks on 2 engines in (\d+) ms$/m);
    const [asked = 0, slept = 0] = numbersIn(said, /^asked to sleep for (\d+) ms, slept for (\d+) ms$/m);
    const [speedup = 0, efficiency = 0] = numbersIn(said, /^speed-up ([\d.]+), efficiency (\d+) %$/m);
    assert(slept >= asked * 0.99 && wall >= asked / 2, said);
    assert(speedup > 0 && speedup <= 2.01 && Math.abs(efficiency - speedup * 50) <= 1, said);
    const counts = [...said.matchAll(/^engine \d ran (\d+) tasks$/gm)].map(([, count]) => Number(count));
    assert.equal(counts.reduce((sum, count) => sum + count, 0), 200);
  },
  iterating: (said) =>
    assert.deepEqual(said.trimEnd().split("\n"), [
      "in order:     0,1,2,3",
      "as they come: 0 is last of 4",
      "imap:         2,3,5,7,11,13,17,19,23,29",
      "in step:      1000 sums, all 1000",
      "calls:        1,2,3",
    ]),
  progress: (said) => {
    assert.match(said, /^50 tasks, 1725 ms of sleep$/m);
    assert.match(said, /^engine \d: step one \(running\)$/m);
    assert.match(said, /^steps of each engine: 3,3$/m);
  },
  reduce: (said) => {
    const [mean = 0, variance = 0] = numbersIn(said, /in 2 parts: mean ([\d.]+), variance ([\d.]+)$/m);
    assert.deepEqual([mean, variance], [0.4995, 0.083333]);
    assert.match(said, /^gathered 1000000, the last is 0.999$/m);
  },
  group: (said) =>
    assert.deepEqual(said.trimEnd().split("\n"), [
      "40 squares, the last is 1521; never more than 4 open: true",
      "TWO ENGINES: 2.0,2.0",
      said.split("\n").find((line) => /^RemoteError: .*Error: failed after 1 ms$/.test(line)),
      "3 of 3 ended without a value",
    ]),
};

Deno.test("the examples say what they should", async (test) => {
  for (const [name, check] of Object.entries(CHECKS)) {
    await test.step(name, async () => check(await outputOf(name)));
  }

  await test.step("cancel, by Ctrl-C", async () => {
    await using example = new Example("cancel");
    await example.says("found 8128");
    example.interrupt();
    const { code, stdout, stderr } = await example.end();
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      "Searching; press Ctrl-C to stop",
      ...[6, 28, 496, 8128].map((n, i) => `search ${i}: found ${n}`),
      "search 4: Ctrl-C was pressed",
      "the engines are free: yes",
    ]);
  });
});

Deno.test("an example works on a cluster that runs", async () => {
  await using run = await Run.start();
  const env = { IPP_PROFILE_DIR: run.folder.dir };
  assert.match(await outputOf("dag", ["--connect"], env), /128 of 128/);
  assert.equal((await run.client.history()).length, 32);
});

Deno.test("every example has its check, its line in the list, and at most a hundred lines of its own", async () => {
  const list = await Deno.readTextFile(new URL("README.md", FOLDER));
  for (const { name } of Deno.readDirSync(FOLDER)) {
    if (!name.endsWith(".ts")) continue;
    assert(name.replace(/\.ts$/, "") in CHECKS || name === "cancel.ts", `${name} is not checked`);
    assert(list.includes(`(${name})`), `${name} is not in examples/README.md`);
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    assert(text.split("\n").length <= 101, `${name} is longer than a hundred lines`);
    for (const [, from = ""] of text.matchAll(/from "([^"]+)"/g)) {
      assert.match(from, /^tsparallel(\/cluster)?$/, `${name} imports ${from}`);
    }
  }
});
