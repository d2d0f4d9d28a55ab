/** Who sent a message: what a `ZapHandler` called the connection that it came by. */
import type { LibZmq } from "../native/libzmq.ts";
import { cString } from "./options.ts";

const USER_ID = cString("User-Id");

/** The name at a received zmq_msg_t, "" if nobody gave one. */
export function userIdOf(zmq: LibZmq, msg: Uint8Array<ArrayBuffer>): string {
  const pointer = zmq.zmq_msg_gets(msg, USER_ID);
  return pointer === null ? "" : new Deno.UnsafePointerView(pointer).getCString();
}
