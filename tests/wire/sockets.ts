/**
 * Small things for tests with real sockets: text frames, and waiting for a message by blocking, bounded by a deadline.
 */
import { libzmq } from "../../src/native/libzmq.ts";
import type { Context } from "../../src/wire/context.ts";
import { SyncPoller } from "../../src/wire/poll.ts";
import type { Socket, SocketOptions, SocketType } from "../../src/wire/socket.ts";

// Opened here, since Deno may count a library that a test opens as its leak.
libzmq();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Longest wait for anything, in ms. */
export const DEADLINE_MS = 10_000;

/** Frames of texts. */
export function frames(...texts: string[]): Uint8Array[] {
  return texts.map((text) => encoder.encode(text));
}

/** Texts of frames. */
export function texts(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => decoder.decode(frame));
}

/**
 * Blocks until a socket can be read.
 * @throws Error if that does not happen in time
 */
export function awaitReadable(socket: Socket): void {
  const poller = new SyncPoller();
  let isReady = false;
  poller.add(socket, () => isReady = true);
  const until = performance.now() + DEADLINE_MS;
  while (!isReady) {
    if (performance.now() > until) throw new Error("Nothing arrived in time");
    poller.wait(DEADLINE_MS);
  }
}

/** The next message, waited for. */
export function nextMessage(socket: Socket): Uint8Array[] {
  for (;;) {
    const message = socket.receive();
    if (message !== undefined) return message;
    awaitReadable(socket);
  }
}

/** Two sockets connected over TCP. */
export function pair(
  context: Context,
  left: { readonly type: SocketType; readonly options?: SocketOptions },
  right: { readonly type: SocketType; readonly options?: SocketOptions },
): [Socket, Socket] {
  const bound = context.socket(left.type, left.options);
  const connected = context.socket(right.type, right.options);
  connected.connect(bound.bind("tcp://127.0.0.1:*"));
  return [bound, connected];
}
