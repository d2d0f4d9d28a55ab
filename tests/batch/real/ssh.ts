/** Real sshd: on loopback, and in two network and pid namespaces as two hosts that share the file system. */
import { launcherContract } from "../../contracts/launcher.ts";

const state = Deno.env.get("SSH_STATE");
const commands = { sshCommand: `ssh -F ${state}/ssh_config`, scpCommand: `scp -F ${state}/ssh_config` };
const address = Deno.env.get("SSH_CONTROLLER") ?? "10.77.0.1";

launcherContract({
  launcher: "ssh",
  remark: "on two hosts (needs sshd: SSH_STATE)",
  isMissing: state === undefined,
  settings: {
    ...commands,
    hosts: ["node1", "node2"],
    controller: "local",
    controllerArgs: [`--ip=${address}`, `--location=${address}`],
  },
});

launcherContract({
  launcher: "ssh",
  remark: "on this host, the controller too (needs sshd: SSH_STATE)",
  isMissing: state === undefined,
  settings: { ...commands, hosts: ["lo"] },
});
