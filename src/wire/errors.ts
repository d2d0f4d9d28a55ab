/**
 * What goes wrong on a socket, with libzmq's error name and a sentence.
 */
import type { LibZmq } from "../native/libzmq.ts";

const NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  11: "EAGAIN",
  13: "EACCES",
  19: "ENODEV",
  22: "EINVAL",
  24: "EMFILE",
  93: "EPROTONOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  113: "EHOSTUNREACH",
  156384763: "ENOCOMPATPROTO",
  156384765: "ETERM",
  156384766: "EMTHREAD",
};

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine has no such address",
  ENODEV: "this machine has no such address",
  EACCES: "not allowed",
  EINVAL: "the address or option is not valid",
  EPROTONOSUPPORT: "this transport is not supported",
  EMFILE: "too many sockets are open",
  ENOENT: "there is no such endpoint",
};

/** A call of libzmq failed; `code` is the name of its errno. */
export class WireError extends Error {
  override name = "WireError";
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The error of the call that just failed. */
export function wireError(action: string, zmq: LibZmq): WireError {
  const errno = zmq.zmq_errno();
  const code = NAMES[errno] ?? `errno ${errno}`;
  const pointer = zmq.zmq_strerror(errno);
  const text = REASONS[code] ?? (pointer === null ? code : Deno.UnsafePointerView.getCString(pointer));
  return new WireError(`Cannot ${action}: ${text}`, code);
}

export const EINTR = 4;
export const EAGAIN = 11;
export const EHOSTUNREACH = 113;
