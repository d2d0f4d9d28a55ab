/** A controller that listens on another host's loopback only: client and engines reach it through tunnels of the system's ssh. */
import assert from "node:assert/strict";
import { Client } from "../../../src/client/client.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { hasEnded, identify } from "../../../src/cluster/process.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { errorOf } from "../../system/run.ts";

const state = Deno.env.get("SSH_STATE");
const needs = state === undefined ? " (needs sshd: SSH_STATE)" : "";
const sshCommand = `ssh -F ${state}/ssh_config -o ConnectTimeout=2`;
const options = { ignore: state === undefined };

Deno.test({
  ...options,
  name: `client and engines compute through tunnels that the files name, and end with them${needs}`,
  fn: async () => {
    await using folder = new RunFolder();
    const before = tunnels();
    await using cluster = await start(folder);
    const [engineTunnel = 0, ...others] = tunnels().filter((pid) => !before.includes(pid));
    assert.deepEqual(
      others,
      [],
      "the engines have one, and the client that waited for them has gone with its own",
    );
    {
      await using client = await Client.connect({ profileDir: folder.dir, sshCommand });
      assert.equal(await client.direct(0).apply((a: number, b: number) => a * b, 6, 7), 42);
      const large = new Uint8Array(3_000_000).fill(7);
      const back = await client.direct(0).apply((bytes: Uint8Array) => bytes, large);
      assert.deepEqual(back, large);
      const [clientTunnel = 0] = newTunnels([...before, engineTunnel]);
      const waiting = client.direct(0).apply(() => new Promise(() => {}));
      Deno.kill(clientTunnel, "SIGKILL");
      const error = await errorOf(waiting);
      assert.match(String(error), /The SSH tunnel through "node1" has ended: ssh said/);
      assert.throws(() => client.direct(0).apply(() => 1), /SSH tunnel/);
    }
    Deno.kill(engineTunnel, "SIGKILL");
    const { sentence } = await cluster.partEnded();
    assert.match(sentence, /set of 1 engines is gone: it ended with code 1/);
    assert.match(sentence, /The SSH tunnel through "node1" has ended: .*the engines end/);
  },
});

Deno.test({
  ...options,
  name: `a tunnel ends with its process, even one that is killed${needs}`,
  fn: async () => {
    await using folder = new RunFolder();
    const before = tunnels();
    await using cluster = await start(folder);
    const [tunnel = 0] = newTunnels(before);
    const host = cluster.engineSet("0").pid ?? 0;
    Deno.kill(host, "SIGKILL");
    assert(await hasEnded(identify(tunnel), 5000), "ssh has gone");
  },
});

Deno.test({
  ...options,
  name: `a user names the SSH server where the file names none${needs}`,
  fn: async () => {
    await using folder = new RunFolder();
    await using _cluster = await start(folder);
    const path = `${folder.dir}/security/ipcontroller-client.json`;
    const file = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...file, ssh: "" }));
    await assert.rejects(
      Client.connect({ profileDir: folder.dir, timeoutMs: 500 }),
      /listens on its own loopback only; start it there with --ip=\*, or tunnel to it with ssh: "you@node1"/,
    );
    const said = await folder.run("exec", "1 + 1", "--ssh", "node1", "--ssh-command", sshCommand);
    assert.match(said.out, /\[0\] => 2/, said.err);
  },
});

Deno.test({
  ...options,
  name: `a tunnel that cannot be is told in ssh's words${needs}`,
  fn: async () => {
    await using folder = new RunFolder();
    await using _cluster = await start(folder);
    const before = tunnels();
    for (
      const [ssh, flags, says] of [
        ["10.77.0.99", "", /through "10\.77\.0\.99": ssh said: ssh: connect to host 10\.77\.0\.99 port 22/],
        ["no-such-host.invalid", "", /ssh said: .*Could not resolve hostname/],
        ["node1:2", "", /through "node1:2": ssh said: .*port 2: Connection refused/],
        ["no-such-user@node1", "", /Permission denied \(publickey\)\.; it may not ask for a password here/],
        [
          "node1",
          "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null",
          /connect once by hand to accept/,
        ],
        ["-oProxyCommand=x", "", /Cannot use "-oProxyCommand=x" as an SSH server/],
      ] as const
    ) {
      const command = sshCommand.replace("ssh ", `ssh ${flags} `);
      await assert.rejects(Client.connect({ profileDir: folder.dir, ssh, sshCommand: command }), says);
    }
    assert.deepEqual(newTunnels(before), []);
  },
});

/** A controller on node1's loopback, one engine here. */
function start(folder: RunFolder): Promise<Cluster> {
  return Cluster.start({
    n: 1,
    controller: "ssh",
    engines: "local",
    hosts: ["node1"],
    sshCommand,
    profileDir: folder.dir,
    controllerArgs: ["--ip=127.0.0.1", "--ssh=node1", "--enginessh=node1"],
    engineArgs: [`--ssh-command=${sshCommand}`],
  });
}

/** Pids of all ssh that are tunnels. */
function tunnels(): number[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => pid > 0);
  return pids.filter((pid) => {
    const words = read(`/proc/${pid}/cmdline`);
    return /^ssh\0/.test(words) && words.includes("LocalCommand=");
  });
}

function newTunnels(before: readonly number[]): number[] {
  return tunnels().filter((pid) => !before.includes(pid));
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
