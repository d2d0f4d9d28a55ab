/** A host that starts four slots (idle, looping, paused, with a program), says their process ids and waits to be killed. */
import { Slot } from "../../src/engine/slot.ts";
import { NO_GRANT } from "../../src/engine/slot_contract.ts";
import { groupMembers } from "../../src/native/process_usage.ts";
import { readSet } from "../../src/protocol/permissions.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";

const command: string[] = JSON.parse(Deno.args[0] ?? "[]");
const hosts = [1, 2, 3].map(() => new SlotHost(Slot.start(SETTINGS, command)));
for (const host of hosts) host.untilReady();
const [, looping, paused] = hosts;
const ticket = looping?.offerCall(looping.define(() => {
  for (;;);
})) ?? 0;
looping?.slot.ring();
looping?.until(() => looping.startedAt.has(ticket));
paused?.slot.pause(true);
const grant = { ...NO_GRANT, permissions: readSet({ run: ["/bin/sh", "/usr/bin/sleep"] }, "permissions") };
const runner = new SlotHost(Slot.start(SETTINGS, command), grant).untilReady();
// The task goes on: with its end its programs would end.
const task = runner.offerCall(runner.define(async () => {
  const options = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
  // They ignore what can be ignored, and do not end with their pipes.
  const args = ["-c", "trap '' HUP TERM INT PIPE; (sleep 1000 & sleep 1000) & echo; sleep 1000"];
  const child = new Deno.Command("/bin/sh", { args, ...options }).spawn();
  await child.stdout.getReader().read();
  await child.status;
}));
runner.slot.ring();
runner.until(() => runner.startedAt.has(task) && programs().length >= 3);
console.log(JSON.stringify([...hosts, runner].map((host) => host.slot.pid).concat(programs()[0]!)));
setInterval(() => {}, 1000);

function programs(): number[] {
  return groupMembers(runner.slot.pid).filter((pid) => pid !== runner.slot.pid);
}
