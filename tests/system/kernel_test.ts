/**
 * An engine as a Jupyter kernel: jupyter_client and jupyter console attach to it, a check for each row of what a kernel must do.
 * `kernel_checks.py` holds the checks.
 */
import assert from "node:assert/strict";
import { RunFolder, until } from "../cli/run_folder.ts";
import { programCommand } from "../../src/cluster/process.ts";
import { Run } from "./run.ts";

const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");
const NEEDS = "(needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2 and jupyter-console)";
const PROGRAM = new URL("kernel_checks.py", import.meta.url).pathname;
const LAUNCH = new URL("kernel_launch.py", import.meta.url).pathname;

const CHANNELS = [
  "connection_file",
  "hb",
  "iopub_welcome",
  "shell_and_control",
  "stdin_rid",
  "bad_signatures",
];
const MESSAGES = [
  "kernel_info",
  "execute",
  "user_expressions",
  "errors",
  "display",
  "complete",
  "inspect",
  "poisoned",
  "is_complete",
  "history",
  "comms",
  "asked",
  "gone_while_asked",
  "interrupt",
  "restart",
];
const TOGETHER = ["two_front_ends", "cluster", "bad_input", "leaving", "simple_console", "console"];

interface Checked {
  readonly check: string;
  readonly wrong: string | null;
}

/** Runs checks in one Python process, each as a step of the test. */
async function check(context: Deno.TestContext, file: string, cluster: string, names: readonly string[]) {
  const { stdout, stderr } = await new Deno.Command(PYTHON!, {
    args: [PROGRAM, file, cluster, ...names],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const lines = decoder.decode(stdout).split("\n").filter((line) => line.startsWith('{"check"'));
  const checked = lines.map((line): Checked => JSON.parse(line));
  assert.deepEqual(checked.map(({ check }) => check), names, decoder.decode(stderr));
  for (const { check, wrong } of checked) {
    await context.step(check, () => assert.equal(wrong, null, String(wrong)));
  }
}

function kernelTest(name: string, fn: (context: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name: `${name} ${NEEDS}`, ignore: PYTHON === undefined, fn });
}

async function withKernel(
  context: Deno.TestContext,
  names: readonly string[],
  after?: (run: Run, file: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/kernel.json`;
  try {
    await using run = await Run.start({ n: 1, engineArgs: ["--kernel-connection-file", file] });
    await check(context, file, `${run.folder.dir}/security/ipcontroller-client.json`, names);
    await after?.(run, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isThere(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

kernelTest("an engine's channels as a Jupyter kernel", (context) => withKernel(context, CHANNELS));

kernelTest("an engine's messages as a Jupyter kernel", (context) => withKernel(context, MESSAGES));

kernelTest(
  "front-ends, consoles and the cluster on one engine; a restart leaves it in the cluster",
  (context) =>
    withKernel(context, [...TOGETHER, "restart"], async (run) => {
      assert.equal((await run.client.direct(0).execute("2 + 2")).value, 4);
    }),
);

kernelTest(
  "a front-end's shutdown ends the engine, and its file goes with it",
  (context) =>
    withKernel(context, ["shutdown"], async (run, file) => {
      await until(() => run.client.ids.length === 0, () => "The engine is still there");
      await until(() => !isThere(file), () => "The file is still there");
    }),
);

kernelTest("with CURVE in the cluster the kernel has a key of its own", async (context) => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/kernel.json`;
  try {
    const engineArgs = ["--kernel-connection-file", file];
    await using run = await Run.start({ n: 1, controllerArgs: ["--enable-curve"], engineArgs });
    const cluster = JSON.parse(
      await Deno.readTextFile(`${run.folder.dir}/security/ipcontroller-client.json`),
    );
    assert.equal(cluster.key, "");
    assert.ok(JSON.parse(await Deno.readTextFile(file)).key.length >= 32);
    await check(context, file, "-", ["connection_file", "bad_signatures", "execute", "hb"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

kernelTest("Jupyter starts an engine as it starts any kernel", async () => {
  await using run = await Run.start({ n: 1 });
  const { command, args } = programCommand();
  const argv = [command, ...args, "engine", "--profile-dir", run.folder.dir];
  const program = new Deno.Command(PYTHON!, {
    args: [LAUNCH, JSON.stringify([...argv, "--kernel-connection-file", "{connection_file}"])],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await program.output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  assert.equal(decoder.decode(stdout).trim(), "all of it worked");
});

Deno.test("several engines cannot share one kernel file, and say so", async () => {
  await using folder = new RunFolder();
  const { code, err: stderr } = await folder.run(
    "engine",
    "--engines",
    "2",
    "--kernel-connection-file",
    "k.json",
  );
  assert.equal(code, 2, stderr);
  assert.match(stderr, /put \{id\} into its name/);
});
