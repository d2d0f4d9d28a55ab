/** A controller that listens on all interfaces of a machine whose name another one does not know. */
import assert from "node:assert/strict";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { programCommand } from "../../../src/cluster/process.ts";
import { RunFolder } from "../../cli/run_folder.ts";

const state = Deno.env.get("SSH_STATE");
const sshCommand = `ssh -F ${state}/ssh_config`;

Deno.test({
  name: `engines and clients find the address that answers where the controller's name is unknown${
    state === undefined ? " (needs sshd: SSH_STATE)" : ""
  }`,
  ignore: state === undefined,
  fn: async () => {
    await using folder = new RunFolder();
    assert.notEqual(
      (await onNode1(`getent hosts ${Deno.hostname()}`)).code,
      0,
      "node1 does not know this machine's name",
    );
    await using cluster = await Cluster.start({
      n: 1,
      launcher: "ssh",
      controller: "local",
      hosts: ["node1"],
      sshCommand,
      profileDir: folder.dir,
      controllerArgs: ["--ip=*"],
    });
    const file = JSON.parse(Deno.readTextFileSync(cluster.connectionFile));
    assert.equal(file.location, Deno.hostname());
    assert(file.addresses.length >= 1);
    await using client = await cluster.client();
    assert.equal(await client.direct(0).apply((a: number, b: number) => a * b, 6, 7), 42);
    const { command, args } = programCommand();
    const words = [command, ...args, "exec", "20 + 1", "--profile-dir", folder.dir];
    const said = await onNode1(words.map((word) => `'${word}'`).join(" "));
    assert.match(said.out, /\[0\] => 21/, said.err);
  },
});

async function onNode1(line: string): Promise<{ code: number; out: string; err: string }> {
  const [command = "", ...args] = sshCommand.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, "node1", line],
    stdin: "null",
  })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
