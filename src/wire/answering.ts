/**
 * Which of a machine's addresses can be reached from here: found by trying, since only the network knows.
 */
import { createConnection } from "node:net";
import { isGranted } from "../base/runtime.ts";

/** So long an address may take to take a connection. */
const PATIENCE_MS = 2000;
/** The first one is the one that was meant: it gets so much of a start. */
const HEAD_START_MS = 300;

/** The first host that takes a connection at this port; undefined if none does, or this program may not try. */
export async function answeringHost(hosts: readonly string[], port: number): Promise<string | undefined> {
  if (!isGranted({ name: "net" })) return undefined;
  const tries = hosts.map((host, at) => connects(host, port, at === 0 ? 0 : HEAD_START_MS));
  try {
    return await Promise.any(tries.map(({ connected }) => connected));
  } catch {
    return undefined;
  } finally {
    for (const { giveUp } of tries) giveUp();
  }
}

function connects(host: string, port: number, afterMs: number) {
  const { promise: connected, resolve, reject } = Promise.withResolvers<string>();
  connected.catch(() => {});
  let socket: ReturnType<typeof createConnection> | undefined;
  const later = setTimeout(() => {
    socket = createConnection({ host, port });
    socket.once("connect", () => resolve(host)).on("error", reject);
  }, afterMs);
  const late = setTimeout(() => reject(new Error("no answer")), afterMs + PATIENCE_MS);
  const giveUp = () => {
    clearTimeout(later);
    clearTimeout(late);
    reject(new Error("not awaited any longer"));
    socket?.destroy();
  };
  return { connected, giveUp };
}
