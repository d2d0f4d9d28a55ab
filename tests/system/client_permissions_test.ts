/** What a program needs to be allowed for its client: reading the connection file, opening libzmq, and nothing else. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { libzmq } from "../../src/native/libzmq.ts";
import { Run } from "./run.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const PATIENCE_MS = 30_000;

/** Everything that a client does with its host: sockets large and small, signatures, names in what it says, stacks, progress. */
const PROGRAM = `
  import { Client } from ${JSON.stringify(`${ROOT}/src/client/client.ts`)};
  await using client = await Client.connect({ file: Deno.args[0] });
  await client.waitForEngines(2);
  const all = client.direct("all"), bytes = new Uint8Array(3 << 20).fill(1);
  const map = client.loadBalanced().map((n) => n * n, [1, 2, 3]);
  await map.waitInteractive();
  console.log(await map);
  console.log((await all.apply((x) => x, bytes)).map(({ length }) => length));
  const endless = client.direct(0).apply(() => new Promise(() => setInterval(() => {}, 1000)));
  await endless.cancel("enough");
  console.log(await endless.catch((error) => error.message));
  console.log(await all.apply(function failing() { throw new Error("thrown"); }).catch((error) => error.message));
  const other = await Client.connect({ file: Deno.args[0] });
  console.log(await other.result(client.loadBalanced().apply(() => "seen").msgIds[0], { timeoutMs: 10_000 }));
  await other.close();
`;

interface Said {
  readonly code: number;
  readonly out: string;
}

async function run(command: string, args: readonly string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout) + text.decode(stderr) };
}

async function exists(command: string): Promise<boolean> {
  return await run(command, ["--version"]).then(({ code }) => code === 0, () => false);
}

function checkSaid({ code, out }: Said): void {
  assert.equal(code, 0, out);
  assert.match(out, /\[ 1, 4, 9 \]\s+\[ 3145728, 3145728 \]/);
  assert.match(out, /^Cancelled .*tsparallel@somewhere, .*enough/m);
  assert.match(out, /Error: thrown[^]*\bseen\b/);
}

Deno.test("a client needs to read its connection file and to open libzmq, and nothing else", async (test) => {
  await using cluster = await Run.start();
  const program = `${cluster.folder.dir}/program.ts`, file = cluster.clientFile;
  await Deno.writeTextFile(program, PROGRAM);
  const args = ["run", "--no-check", `--config=${ROOT}/deno.json`];
  const read = `--allow-read=${file}`, ffi = `--allow-ffi=${libzmq().file}`;
  const deno = (...grants: string[]) =>
    run(Deno.execPath(), [...args, "--no-prompt", ...grants, program, file]);

  await test.step("that is enough", async () => checkSaid(await deno(read, ffi)));

  const hasScript = await exists("script");
  await test.step({
    name: `a terminal's user is asked for nothing else${hasScript ? "" : " (needs script, of util-linux)"}`,
    ignore: !hasScript,
    fn: async () => {
      const line = [Deno.execPath(), ...args, read, ffi, program, file].map((word) => `'${word}'`).join(" ");
      checkSaid(await run("script", ["-qec", line, "/dev/null"]));
    },
  });

  await test.step("without one of them it says which", async () => {
    const unread = await deno(ffi);
    assert.match(unread.out, /ConnectionFileError: Cannot read ".*client\.json".*--allow-read/);
    const unopened = await deno(read);
    assert.match(unopened.out, /Cannot open libzmq[^]*--allow-ffi/);
    assert.notEqual(unread.code + unopened.code, 0);
  });
});
