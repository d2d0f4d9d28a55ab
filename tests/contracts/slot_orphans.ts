/** A host that starts three slots (idle, looping, paused), says their process ids and waits to be killed. */
import { Slot } from "../../src/engine/slot.ts";
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
console.log(JSON.stringify(hosts.map((host) => host.slot.pid)));
setInterval(() => {}, 1000);
