/**
 * The client as an npm package: packed, installed into an empty folder, and used there with Node against real clusters, as in Deno.
 * With a Node older than 22 in the PATH, one of npm's takes its place.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { curveKeypair } from "../../src/wire/curve.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { buildPackage, pack } from "../npm/build.ts";
import { Run } from "./run.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const PATIENCE_MS = 60_000;
/** What a project in TypeScript has, and what to install where Node is too old. */
const NODE_TYPES = "@types/node@22", NODE = "node@22";

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function command(name: string, args: readonly string[], cwd: string, env = {}): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(name, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function succeeded(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  return stdout;
}

async function versionOf(name: string): Promise<number> {
  try {
    return Number(/\d+/.exec((await command(name, ["--version"], ROOT)).stdout)?.[0] ?? 0);
  } catch {
    return 0;
  }
}

/** An empty folder with the packed package and the programs in it. */
class Project implements AsyncDisposable {
  private constructor(readonly folder: string, readonly package_: string, readonly node: string) {}

  static async make(): Promise<Project> {
    const folder = await Deno.makeTempDir({ prefix: "tsparallel-npm-" });
    await buildPackage(`${folder}/package`);
    const packed = await pack(`${folder}/package`, folder);
    const user = `${folder}/user`, isOld = await versionOf("node") < 22;
    await Deno.mkdir(user);
    await Deno.writeTextFile(`${user}/package.json`, '{ "private": true, "type": "module" }');
    const what = [packed ?? "", NODE_TYPES, ...(isOld ? [NODE] : [])];
    await succeeded(
      command("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...what], user),
    );
    for (const name of ["program.mjs", "typed.ts"]) {
      await Deno.copyFile(`${ROOT}/tests/npm/${name}`, `${user}/${name}`);
    }
    return new Project(user, `${folder}/package`, isOld ? `${user}/node_modules/.bin/node` : "node");
  }

  /** Runs Node; once its program is through it has to end by itself. */
  run(args: readonly string[], env = {}): Promise<Output> {
    return command(this.node, args, this.folder, env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(`${this.folder}/..`, { recursive: true });
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    files.push(...isDirectory ? await filesOf(`${folder}/${name}`) : [`${folder}/${name}`]);
  }
  return files;
}

const hasNpm = await versionOf("npm") > 0;

Deno.test({
  name: `the packed client in Node${hasNpm ? "" : " (needs npm and its registry)"}`,
  ignore: !hasNpm,
}, async (test) => {
  await using stack = new AsyncDisposableStack();
  const [project, run] = await Promise.all([
    Project.make().then((made) => stack.use(made)),
    Run.start().then((started) => stack.use(started)),
  ]);

  await test.step("says what it is, and nothing of where it was made", async () => {
    const folder = `${project.folder}/node_modules/tsparallel`;
    const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
    const { version, license, imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
    assert.deepEqual([manifest.name, manifest.version, manifest.license], ["tsparallel", version, license]);
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      assert.equal(imports[name], `npm:${name}@${version}`);
    }
    const names = (await filesOf(folder)).map((path) => path.slice(folder.length));
    assert(
      names.includes("/README.md") && names.includes("/LICENSE") &&
        names.includes("/types/client/client.d.ts"),
    );
    for (const path of await filesOf(folder)) {
      const text = await Deno.readTextFile(path);
      assert(!text.includes(ROOT) && !/registry\.|npmjs|\bfile:\/\/\//.test(text), path);
    }
  });

  await test.step("has types that a strict project takes", async () => {
    const tsc = `${ROOT}/node_modules/typescript/bin/tsc`;
    const flags = ["--strict", "--module", "nodenext", "--noEmit", "--skipLibCheck", "false"];
    const more = ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--verbatimModuleSyntax"];
    await succeeded(project.run([tsc, ...flags, ...more, "typed.ts"]));
  });

  await test.step("does in Node what it does in Deno, and ends by itself", async () => {
    const inDeno = `${project.folder}/deno/program.mjs`;
    const text = await Deno.readTextFile(`${project.folder}/program.mjs`);
    const source = JSON.stringify(new URL("../../src/client/client.ts", import.meta.url).href);
    await Deno.mkdir(`${project.folder}/deno`);
    await Deno.writeTextFile(inDeno, text.replace('"tsparallel"', source));
    const seed = String(Math.floor(Math.random() * 2 ** 31));
    const args = ["run", "-A", "--no-check", `--config=${ROOT}/deno.json`, inDeno, run.clientFile, seed];
    const [deno, node] = [
      await succeeded(command(Deno.execPath(), args, project.folder)),
      await succeeded(project.run(["program.mjs", run.clientFile, seed])),
    ];
    assert.deepEqual(node.split("\n"), deno.split("\n"), `seed ${seed}`);
    assert.match(node, /^error: .*program\.mjs:\d+:\d+.*$/m);
    assert.match(node, /^closed: "The client was closed"$/m);
  });

  await test.step("the same package runs in Deno", async () => {
    const args = ["run", "-A", "--no-check", "program.mjs", run.clientFile];
    assert.match(await succeeded(command(Deno.execPath(), args, project.folder)), /^closed/m);
  });

  await test.step("TypeScript runs as it is, and stacks name it", async () => {
    const { code, stdout, stderr } = await project.run(["--no-warnings", "typed.ts", run.clientFile]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^3 \[ 'x', 'x' \] 42 \[ '1', '2', '3' \]$/m);
    const lines = (await Deno.readTextFile(`${ROOT}/tests/npm/typed.ts`)).split("\n");
    const line = 1 + lines.findIndex((line) => line.includes("throw new TypeError(message)"));
    assert.match(stdout, new RegExp(`TypeError: thrown\\n.*typed\\.ts:${line}:\\d+`));
  });

  await test.step("a program that stops in the middle does stop", async () => {
    const left = `
      import { Client } from "tsparallel";
      const client = await Client.connect({ file: process.argv[1] });
      const open = client.loadBalanced().apply(() => new Promise((resolve) => setTimeout(resolve, 300)));
      open.catch(() => {});
      if (process.argv[2] === "exit") process.exit(7);
      throw new Error("not caught");
    `;
    const evaluate = (how: string) =>
      project.run(["--input-type=module", "--eval", left, run.clientFile, how]);
    assert.equal((await evaluate("exit")).code, 7);
    const { code, stderr } = await evaluate("throw");
    assert.equal(code, 1);
    assert.match(stderr, /not caught/);
  });

  await test.step("says where it found no cluster, and that none answers", async () => {
    const connection = JSON.parse(await Deno.readTextFile(run.clientFile));
    const closed = { ...connection, registration: 9, interface: "tcp://127.0.0.1" };
    const options = [{ file: "/nowhere/else.json" }, { connection: closed, timeoutMs: 300 }];
    const [missing, silent] = (await connecting(project, options)).trim().split("\n");
    assert.match(missing!, /^ConnectionFileError Cannot find "\/nowhere\/else\.json"/);
    assert.match(silent!, /no reply in 300 ms/);
  });

  await test.step("encrypts (CURVE), is known by its key, and says at once what does not fit", async () => {
    await using folder = new RunFolder();
    const ada = curveKeypair(), engine = curveKeypair(), stranger = curveKeypair();
    const policy = `${folder.dir}/policy.json`;
    const clients = { ada: { key: ada.publicKey, permissions: "all" } };
    await Deno.writeTextFile(policy, JSON.stringify({ clients, engines: [engine.publicKey] }));
    await folder.start("controller", ["controller", "--enable-curve", `--policy=${policy}`]);
    await folder.says("controller", /Hub ready/);
    await folder.start("engine", ["engine"], { IPP_CURVE_SECRETKEY: engine.secretKey });
    const file = `${folder.dir}/security/ipcontroller-client.json`;
    const connection = JSON.parse(await Deno.readTextFile(file));
    const rows = [
      { file, curveSecretKey: ada.secretKey },
      { file, curveSecretKey: stranger.secretKey },
      { connection: { ...connection, curve_serverkey: stranger.publicKey } },
      { connection: { ...connection, curve_serverkey: null } },
      { file, curveSecretKey: "short" },
    ];
    const [fits, unlisted, another, none, short] = (await connecting(project, rows)).trim().split("\n");
    assert.equal(fits, "42");
    assert.match(unlisted!, /its policy does not know this CURVE key/);
    assert.match(another!, /refuses the encrypted handshake: its CURVE key is another/);
    assert.match(none!, /it encrypts \(CURVE\), and there is no key for it/);
    assert.match(short!, /secret CURVE key/);
  });
});

/** What comes of connecting with each of these options: a line each. */
async function connecting(project: Project, options: readonly object[]): Promise<string> {
  const program = `
    import { Client } from "tsparallel";
    for (const option of JSON.parse(process.argv[1])) {
      try {
        const client = await Client.connect(option);
        await client.waitForEngines(1, { timeoutMs: 20_000 });
        console.log(await client.loadBalanced().apply((n) => n + 1, 41));
        await client.close();
      } catch (error) {
        console.log(error.name, error.message);
      }
    }
  `;
  const said = await project.run(["--input-type=module", "--eval", program, JSON.stringify(options)]);
  assert.deepEqual([said.code, said.stderr], [0, ""]);
  return said.stdout;
}
