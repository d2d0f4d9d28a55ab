/**
 * What every launcher keeps, whoever starts the processes: run against each with its real system, or a stand-in that is named as such.
 */
import assert from "node:assert/strict";
import { chooseOptions } from "../../src/base/options.ts";
import { Cluster, type ClusterStart } from "../../src/cluster/cluster.ts";
import type { Job, Launcher, Part } from "../../src/cluster/launcher.ts";
import { makeLauncher } from "../../src/cluster/launchers.ts";
import { CLUSTER_OPTIONS } from "../../src/cluster/options.ts";
import type { Program } from "../../src/cluster/program.ts";
import { prepareRunFolder } from "../../src/cluster/run_folder.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { eventually } from "../system/run.ts";

/** A launcher, and the world that it works in. */
export interface LauncherWorld {
  /** As in `--launcher`. */
  readonly launcher: string;
  /** Stands behind the names of the tests, like `(needs sbatch)` or `(stand-in)`. */
  readonly remark?: string;
  /** The world is not here: the tests are ignored. */
  readonly isMissing?: boolean;
  readonly settings?: ClusterStart;
  /** False where the system has no way to send signals. Default true. */
  readonly canSignal?: boolean;
  /** What is seen of a program that ends with code 3. */
  readonly code3?: RegExp;
  /** Where a program that is not there is noticed. Default `ended`. */
  readonly missing?: RegExp;
  /** Makes a folder that the processes can use too. Default: one of this machine. */
  readonly folder?: () => RunFolder;
}

const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");

/** Registers the tests of one launcher. */
export function launcherContract(world: LauncherWorld): void {
  const { remark, isMissing: ignore = false } = world;
  const name = (words: string) => `${world.launcher}: ${words}${remark === undefined ? "" : ` ${remark}`}`;

  Deno.test({
    name: name("copies get words and variables as they are, are seen, found again, signalled, and end"),
    ignore,
    fn: () => copies(world),
  });
  Deno.test({ name: name("an end by itself is told with the last words"), ignore, fn: () => ends(world) });
  Deno.test({ name: name("a program that is not there is said"), ignore, fn: () => missing(world) });
  Deno.test({
    name: name("a cluster starts, computes, grows, shrinks, is found by its file, and leaves nothing"),
    ignore,
    fn: () => cluster(world),
  });
  Deno.test({
    name: `${name("engines of Python's are started by one setting")}${
      PYTHON === undefined ? " (needs TSPARALLEL_PYTHON)" : ""
    }`,
    ignore: ignore || PYTHON === undefined,
    fn: () => pythonEngines(world),
  });
}

/** A shell script that says who it is and waits, or does something else. */
const SCRIPT = `#!/bin/sh
trap 'echo got USR1 >> "$OUT/signals"; ' USR1
trap 'kill $! 2>/dev/null; exit 0' TERM INT
echo "a copy: $1 $2"
printf '%s|%s|%s' "$1" "$2" "$GREETING" > "$OUT/copy.$$.tmp" && mv "$OUT/copy.$$.tmp" "$OUT/copy.$(hostname).$$"
[ "$3" = "" ] || { echo "last words"; exit "$3"; }
while :; do sleep 1000 & wait $!; done
`;

const WORDS = ['it\'s a "word"', "$HOME {n} \\ *"];

async function copies(world: LauncherWorld): Promise<void> {
  await using stage = await Stage.open(world);
  const part = await stage.start({ n: 2, words: WORDS });
  const seen = await stage.copies(2);
  assert.deepEqual(seen, [0, 1].map(() => [...WORDS, "hello 'world' $x"].join("|")));
  await until(async () => (await part.state()).is === "running", "it runs");
  const told = async () => (await part.lastLines(10)).filter((line) => line.startsWith("a copy:")).length;
  await until(async () => await told() === 2, "both are in the log");
  const found = stage.launcher.adopt(JSON.parse(JSON.stringify(part.saved)));
  assert.equal((await found.state()).is, "running");
  assert.equal(found.label, part.label);
  if (world.canSignal !== false) {
    await found.signal("SIGUSR1");
    await until(() => stage.lines("signals").length === 2, "both have heard the signal");
  } else {
    await assert.rejects(found.signal("SIGUSR1"), /Cannot send SIGUSR1/);
  }
  await found.stop(10_000);
  assert.equal((await part.state()).is, "ended");
  await part.ended;
  await found.stop(10_000);
}

async function ends(world: LauncherWorld): Promise<void> {
  await using stage = await Stage.open(world);
  const part = await stage.start({ n: 1, words: ["a", "b", "3"] });
  assert.match(await part.ended, world.code3 ?? /code 3/);
  await until(async () => (await part.lastLines(2)).includes("last words"), "its last words are there");
  assert.equal((await part.state()).is, "ended");
}

async function missing(world: LauncherWorld): Promise<void> {
  await using stage = await Stage.open(world);
  const part = stage.start({ n: 1, words: [], program: "/no/such/program" });
  const told = await part.then(
    async (it) => `${await it.ended}\n${(await it.lastLines(10)).join("\n")}`,
    (error) => String(error),
  );
  assert.match(told, world.missing ?? /no\/such\/program/);
}

async function cluster(world: LauncherWorld): Promise<void> {
  await using folder = world.folder?.() ?? new RunFolder();
  {
    await using cluster = await Cluster.start({ ...start(world, folder), n: 2 });
    await using client = await cluster.client();
    const sums = await client.direct("all").apply((a: number, b: number) => a + b, 40, 2);
    assert.deepEqual(sums, [42, 42]);
    const set = await cluster.startEngines(2);
    await client.waitForEngines(4, { timeoutMs: 60_000 });
    const found = await Cluster.fromFile({ profileDir: folder.dir });
    assert.deepEqual([...found.engineSets.keys()], ["0", set]);
    await found.stopEngines("0");
    await until(() => client.ids.length === 2, "a set has gone");
    await found.restartEngines(set);
    await client.waitForEngines(2, { timeoutMs: 60_000 });
    await assert.rejects(Cluster.start({ ...start(world, folder), n: 1 }), /one runs already/);
  }
  await folder.isDeserted();
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
}

async function pythonEngines(world: LauncherWorld): Promise<void> {
  await using folder = world.folder?.() ?? new RunFolder();
  await using cluster = await Cluster.start({
    ...start(world, folder),
    engineCommand: `${PYTHON} -m ipyparallel.engine`,
    n: 2,
  });
  await using client = await cluster.client();
  const view = client.direct("all");
  await view.execute("import sys; kind = sys.implementation.name");
  assert.deepEqual(await view.pull("kind"), ["cpython", "cpython"]);
}

function start(world: LauncherWorld, folder: RunFolder): ClusterStart {
  return {
    launcher: world.launcher,
    pollMs: 100,
    startTimeoutMs: 60_000,
    profileDir: folder.dir,
    ...world.settings,
  };
}

interface Play {
  readonly n: number;
  readonly words: readonly string[];
  readonly program?: string;
}

/** Waits until something is so. */
async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await eventually(isSo, (answer) => answer, what);
}

/** A folder in which a script tells that it runs, and a launcher for it. */
class Stage implements AsyncDisposable {
  readonly #parts: Part[] = [];

  private constructor(readonly folder: RunFolder, readonly launcher: Launcher) {}

  static async open(world: LauncherWorld): Promise<Stage> {
    const folder = world.folder?.() ?? new RunFolder();
    prepareRunFolder(folder.dir);
    Deno.mkdirSync(`${folder.dir}/out`);
    Deno.writeTextFileSync(`${folder.dir}/script.sh`, SCRIPT, { mode: 0o755 });
    const given = { pollMs: 100, ...world.settings };
    const options = chooseOptions(CLUSTER_OPTIONS, { flags: given });
    return new Stage(folder, await makeLauncher(world.launcher, options));
  }

  async start({ n, words, program = `${this.folder.dir}/script.sh` }: Play): Promise<Part> {
    const job: Job = {
      kind: "engines",
      n,
      set: "x",
      place: { profile: "default", profileDir: this.folder.dir, clusterId: "" },
      program: onePerProcess([program, ...words]),
      environment: { GREETING: "hello 'world' $x", OUT: `${this.folder.dir}/out` },
    };
    const part = await this.launcher.start(job);
    this.#parts.push(part);
    return part;
  }

  /** What so many copies have written down. */
  async copies(count: number): Promise<string[]> {
    const names = () => this.#names().filter((name) => /^copy\..*\d$/.test(name));
    await until(() => names().length === count, `there are ${count} copies`);
    return names().map((name) => Deno.readTextFileSync(`${this.folder.dir}/out/${name}`));
  }

  lines(name: string): string[] {
    return this.#names().includes(name)
      ? Deno.readTextFileSync(`${this.folder.dir}/out/${name}`).trimEnd().split("\n")
      : [];
  }

  #names(): string[] {
    return [...Deno.readDirSync(`${this.folder.dir}/out`)].map((entry) => entry.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#parts) await part.stop(2000);
    await this.folder.isDeserted();
    await this.folder[Symbol.asyncDispose]();
  }
}

function onePerProcess(words: readonly string[]): Program {
  return { perProcess: 1, words: () => words, own: null };
}
