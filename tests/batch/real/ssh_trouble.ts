/** What is said when ssh or a host does not do what it should, and that nothing is left running. */
import assert from "node:assert/strict";
import { Cluster, type ClusterStart } from "../../../src/cluster/cluster.ts";
import { hasEnded, identify } from "../../../src/cluster/process.ts";
import { RunFolder, until } from "../../cli/run_folder.ts";
import { BareHost, MISSING_HOST } from "../bare_host.ts";

const state = Deno.env.get("SSH_STATE");
const needs = state === undefined ? "sshd: SSH_STATE" : MISSING_HOST;
const flags = `-F ${state}/ssh_config -o ConnectTimeout=2`;
const address = Deno.env.get("SSH_CONTROLLER") ?? "10.77.0.1";
/** An address in the hosts' network that nobody has. */
const NOBODY = address.replace(/\d+$/, "99");

interface Trouble {
  readonly name: string;
  readonly settings: ClusterStart;
  readonly says: RegExp;
}

const ssh = (more: string) => ({ sshCommand: `ssh ${more} ${flags}`, scpCommand: `scp ${more} ${flags}` });

const TROUBLES: readonly Trouble[] = [
  {
    name: "a host that is off",
    settings: { hosts: [NOBODY] },
    says:
      /host "10\.\S+99": ssh said: ssh: connect to host .* port 22: (No route to host|Connection timed out)/,
  },
  {
    name: "a host that nobody knows",
    settings: { hosts: ["no-such-host.invalid"] },
    says: /ssh said: ssh: Could not resolve hostname no-such-host\.invalid/,
  },
  {
    name: "one of two hosts off: nothing is left on the other",
    settings: { hosts: ["node1", NOBODY] },
    says: /host "10\.\S+99": ssh said: ssh: connect to host/,
  },
  {
    name: "a host key that is not known",
    settings: { hosts: ["node1"], ...ssh("-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null") },
    says: /ssh said: .*Host key verification failed\.; connect once by hand to accept its key/,
  },
  {
    name: "a user that may not enter",
    settings: { hosts: ["no-such-user@node1"] },
    says:
      /host "no-such-user@node1": ssh said: .*Permission denied \(publickey\)\.; it may not ask for a password here: use a key/,
  },
  {
    name: "a host twice",
    settings: { hosts: ["node1", "node1=2"] },
    says: /Cannot use host "node1" twice: write how many engines it gets/,
  },
  { name: "no host", settings: { hosts: [] }, says: /no host is named; use --hosts/ },
  {
    name: "a flag in a host's place",
    settings: { hosts: ["-oProxyCommand=true"] },
    says: /Cannot use "-oProxyCommand=true" as a host/,
  },
  {
    name: "no ssh here",
    settings: { hosts: ["node1"], sshCommand: "/no/such/ssh" },
    says: /Cannot run "\/no\/such\/ssh": command not found/,
  },
  {
    name: "no such program there",
    settings: { hosts: ["node1"], engineCommand: "/no/such/ipengine" },
    says:
      /The set of 2 engines is gone: it ended with code 127; its log ends with:\s+.*\/no\/such\/ipengine.*not found/,
  },
  {
    name: "a program that runs from its sources cannot be copied",
    settings: { hosts: ["node1"], remoteProgram: "copy" },
    says: /Cannot copy the program: it runs from its sources/,
  },
];

for (const trouble of TROUBLES) {
  Deno.test({
    name: `ssh: ${trouble.name} is said${needs === null ? "" : ` (needs ${needs})`}`,
    ignore: needs !== null,
    fn: async () => {
      await using folder = new RunFolder();
      await refused(folder, trouble);
    },
  });
}

Deno.test({
  name: `ssh: a password that is asked for, and folders that cannot be written or are full, are said${
    needs === null ? "" : ` (needs ${needs})`
  }`,
  ignore: needs !== null,
  fn: async () => {
    await using host = await BareHost.start();
    const own = (more = "") => ({
      hosts: [host.name],
      sshCommand: `${host.command("ssh")} ${more}`,
      scpCommand: `${host.command("scp")} ${more}`,
    });
    const troubles: [string, ClusterStart, RegExp][] = [
      [
        "true",
        own("-o PubkeyAuthentication=no"),
        /Permission denied \(publickey,password\)\.; it may not ask for a password/,
      ],
      [
        "touch ~/.tsparallel",
        own(),
        /Cannot start a process on host "bare\d+": .*mkdir: cannot create directory/,
      ],
      [
        "rm -f ~/.tsparallel; mount -t tmpfs -o size=8k none ~; head -c 100000 /dev/zero > ~/full 2> /dev/null; true",
        own(),
        /Cannot start a process on host "bare\d+": .*No space left on device/,
      ],
    ];
    for (const [before, settings, says] of troubles) {
      await host.run(before);
      await using folder = new RunFolder();
      await refused(folder, { name: before, settings, says });
      assert.equal(await host.run("ps -e -o comm= | grep -v 'sshd\\|bash\\|sh$\\|ps$\\|grep$'; true"), "");
    }
  },
});

Deno.test({
  name: `ssh: a connection that breaks ends nothing, and the log goes on where it had stopped${
    needs === null ? "" : ` (needs ${needs})`
  }`,
  ignore: needs !== null,
  fn: async () => {
    await using folder = new RunFolder();
    await using cluster = await Cluster.start({ ...base(folder), n: 1, hosts: ["node1"] });
    const set = await cluster.startEngines(1);
    const first = `${folder.dir}/log/ipengine-${set}.log`;
    await until(() => /registered/i.test(read(first)), () => read(first));
    const before = read(first);
    const followers = sshProcesses();
    assert(followers.length >= 2, "each set is followed");
    for (const pid of followers) Deno.kill(pid, "SIGKILL");
    for (const pid of followers) await hasEnded(identify(pid), 5000);
    await cluster.signalEngines("SIGINT", set);
    await until(() => read(first).length > before.length, () => read(first));
    assert(read(first).startsWith(before), "nothing is told twice");
    assert.equal(read(first).split(before.split("\n")[0] ?? "").length, 2);
    await using client = await cluster.client();
    await until(() => client.ids.length === 1, () => `${client.ids}`);
  },
});

async function refused(folder: RunFolder, { settings, says }: Trouble): Promise<void> {
  const error = await Cluster.start({ ...base(folder), ...settings }).then(async (cluster) => {
    await cluster.stop();
    return new Error("It started");
  }, (error) => error);
  assert.match(error.message, says);
  assert.match(error.name, /ClusterError|OptionError/);
  await folder.isDeserted();
  assert.deepEqual(folder.files("security"), []);
}

function base(folder: RunFolder): ClusterStart {
  return {
    n: 2,
    launcher: "ssh",
    controller: "local",
    startTimeoutMs: 30_000,
    profileDir: folder.dir,
    ...ssh(""),
    controllerArgs: [`--ip=${address}`, `--location=${address}`],
  };
}

/** The ssh processes of this one. */
function sshProcesses(): number[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => pid > 0);
  return pids.filter((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    return stat.includes("(ssh)") && stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(Deno.pid);
  });
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
