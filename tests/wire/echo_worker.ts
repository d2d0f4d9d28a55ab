/** Answers what comes to a socket with the same, but for what says "silence", until it is told to end. */
import { Context } from "../../src/wire/context.ts";
import { SyncPoller } from "../../src/wire/poll.ts";

const context = Context.open();
const socket = context.socket("DEALER");
const url = socket.bind("tcp://127.0.0.1:*");
postMessage(url);
const poller = new SyncPoller();
let isOver = false;
poller.add(socket, () => {
  for (let message = socket.receive(); message !== undefined; message = socket.receive()) {
    const text = new TextDecoder().decode(message[0]);
    isOver ||= text === "end";
    if (text !== "silence") socket.send(message);
  }
});
while (!isOver) poller.wait(-1);
socket.close();
context.close();
self.close();
