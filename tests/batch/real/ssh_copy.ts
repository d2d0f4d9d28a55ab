/**
 * The compiled executable, copied by the launcher to a host that has neither it nor Deno nor any folder of ours, and all that it needs beside itself.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Client } from "../../../src/client/client.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { tsparallel } from "../../cli/tsparallel.ts";
import { BareHost, MISSING_HOST } from "../bare_host.ts";

const COMPILED = Deno.env.get("TSPARALLEL_COMPILED");
const missing = COMPILED === undefined ? "TSPARALLEL_COMPILED, root" : MISSING_HOST;
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({
    name: `ssh: ${name}${missing === null ? "" : ` (needs ${missing})`}`,
    ignore: missing !== null,
    fn,
  });

test("engines run from the executable that was copied to a host without anything", async () => {
  await using host = await BareHost.start();
  await using folder = new RunFolder();
  assert.equal(await host.run("command -v deno || ls -A ~"), "", "neither Deno nor any file");
  await start(host, folder, [
    `--controller=local`,
    `--engines=SSH`,
    `--hosts=${host.name}`,
    ...at(host.here),
  ]);
  const client = await Client.connect({ profileDir: folder.dir });
  try {
    const squares = await client.loadBalanced().map((x: number) => x * x, [1, 2, 3, 4, 5]);
    assert.deepEqual(squares, [1, 4, 9, 16, 25]);
    await isCopied(host);
  } finally {
    await client.close();
  }
  await stop(folder);
  await isDeserted(host);
});

test("a controller too, with CURVE, its profile and an engine's keys; its files are fetched", async () => {
  await using host = await BareHost.start();
  await using folder = new RunFolder();
  const keys = `${folder.dir}/engine.key`;
  assert.equal((await tsparallel(["keys", "--out", keys])).code, 0);
  const profile = {
    controller: { enableCurve: true, pingMs: 333 },
    engine: { curveKeyFile: keys, memoryLimitMB: 222 },
  };
  Deno.writeTextFileSync(`${folder.dir}/tsparallel.jsonc`, `// brought along\n${JSON.stringify(profile)}`);
  await start(host, folder, [
    "--controller=ssh",
    "--engines=ssh",
    `--hosts=${host.name}`,
    ...at(`${host.subnet}.2`),
  ]);
  const client = await Client.connect({ profileDir: folder.dir });
  try {
    assert.equal(await client.direct(0).apply((a: number, b: number) => a * b, 6, 7), 42);
  } finally {
    await client.close();
  }
  const file = JSON.parse(Deno.readTextFileSync(`${folder.dir}/security/ipcontroller-client.json`));
  assert.equal(file.curve_serverkey.length, 40);
  const brought = await host.run("cat ~/.tsparallel/run/*/profile/tsparallel.jsonc");
  assert.match(brought, /brought along/);
  const key = await host.run("stat -c '%a %n' ~/.tsparallel/run/*/profile/security/engine.key");
  assert.match(key, /^600 /);
  await isCopied(host);
  await stop(folder);
  await isDeserted(host);
});

function at(address: string): string[] {
  return [`--controller-args=--ip=${address}`, `--controller-args=--location=${address}`];
}

async function start(host: BareHost, folder: RunFolder, flags: readonly string[]): Promise<void> {
  const said = await compiled([
    "cluster",
    "start",
    "-n",
    "2",
    "--daemonize",
    "--remote-program=copy",
    `--ssh-command=${host.command("ssh")}`,
    `--scp-command=${host.command("scp")}`,
    ...flags,
    `--profile-dir=${folder.dir}`,
  ]);
  assert.equal(said.code, 0, said.text);
}

async function stop(folder: RunFolder): Promise<void> {
  const said = await compiled(["cluster", "stop", `--profile-dir=${folder.dir}`]);
  assert.equal(said.code, 0, said.text);
  await folder.isDeserted();
}

async function compiled(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(COMPILED ?? "", {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: text(stdout) + text(stderr) };
}

/** Every process of ours there runs the file below its home, which is this very executable. */
async function isCopied(host: BareHost): Promise<void> {
  const paths = await host.run(
    "for p in /proc/[0-9]*; do readlink $p/exe; done | grep tsparallel | sort -u",
  );
  assert.match(paths, /^\/\S+\/\.tsparallel\/bin\/tsparallel-[0-9a-f]{16}$/);
  const hash = createHash("sha256").update(Deno.readFileSync(COMPILED ?? "")).digest("hex");
  assert.equal((await host.run(`sha256sum ${paths}`)).split(" ")[0], hash);
}

/** Nothing runs there any more, and only the executable is kept for the next time. */
async function isDeserted(host: BareHost): Promise<void> {
  const left = await host.run(
    "for p in /proc/[0-9]*; do readlink $p/exe; done | grep tsparallel; find ~/.tsparallel -type f | grep -v /bin/; true",
  );
  assert.equal(left, "");
}
