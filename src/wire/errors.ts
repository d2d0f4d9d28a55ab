/**
 * What goes wrong on a socket: the name of the C error, and a sentence for people.
 */
import { type LibZmq, MAY_VIEW } from "../native/libzmq.ts";

/** Numbers of the C errors that libzmq answers with, in the order linux, darwin, windows. The last four are libzmq's own. */
const NUMBERS = {
  EPERM: [1, 1, 1],
  ENOENT: [2, 2, 2],
  EINTR: [4, 4, 4],
  EAGAIN: [11, 35, 11],
  ENOMEM: [12, 12, 12],
  EACCES: [13, 13, 13],
  EFAULT: [14, 14, 14],
  ENODEV: [19, 19, 19],
  EINVAL: [22, 22, 22],
  EMFILE: [24, 24, 24],
  ENAMETOOLONG: [36, 63, 38],
  ENOTSOCK: [88, 38, 128],
  EPROTONOSUPPORT: [93, 43, 135],
  ENOTSUP: [95, 45, 129],
  EADDRINUSE: [98, 48, 100],
  EADDRNOTAVAIL: [99, 49, 101],
  ECONNREFUSED: [111, 61, 107],
  EHOSTUNREACH: [113, 65, 110],
  EFSM: [156384763, 156384763, 156384763],
  ENOCOMPATPROTO: [156384764, 156384764, 156384764],
  ETERM: [156384765, 156384765, 156384765],
  EMTHREAD: [156384766, 156384766, 156384766],
} as const;

type Code = keyof typeof NUMBERS;

const COLUMN = Deno.build.os === "darwin" ? 1 : Deno.build.os === "windows" ? 2 : 0;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(NUMBERS).map(([name, numbers]) => [numbers[COLUMN], name]),
);

const REASONS: Readonly<Partial<Record<string, string>>> = {
  EADDRNOTAVAIL: "this machine has no such address",
  ENODEV: "this machine has no such interface",
  EACCES: "not allowed",
  EINVAL: "the address or option is not valid",
  EPROTONOSUPPORT: "this transport is not supported",
  EMFILE: "too many sockets are open",
  ENOENT: "there is no such endpoint",
  ENOTSOCK: "the socket is closed",
  ETERM: "the context is closed",
  ENAMETOOLONG: "the path is too long",
} satisfies Partial<Record<Code, string>>;

export const EINTR = NUMBERS.EINTR[COLUMN];
export const EAGAIN = NUMBERS.EAGAIN[COLUMN];
export const EHOSTUNREACH = NUMBERS.EHOSTUNREACH[COLUMN];

/** A call of libzmq failed; `code` is the name of its errno, like `EADDRINUSE`. */
export class WireError extends Error {
  override name = "WireError";
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The error of the call that just failed, as `Cannot <action>: <reason>`.
 * @param action what failed, quoting its value: `bind "tcp://127.0.0.1:5555"`
 */
export function wireError(action: string, zmq: LibZmq): WireError {
  const errno = zmq.zmq_errno();
  const code = NAMES.get(errno) ?? `errno ${errno}`;
  return new WireError(`Cannot ${action}: ${reasonOf(code, errno, action, zmq)}`, code);
}

function reasonOf(code: string, errno: number, action: string, zmq: LibZmq): string {
  if (code === "EADDRINUSE") return action.includes('"tcp:') ? "the port is taken" : "the address is taken";
  const known = REASONS[code];
  if (known !== undefined) return known;
  const pointer = zmq.zmq_strerror(errno);
  return pointer === null || !MAY_VIEW ? code : Deno.UnsafePointerView.getCString(pointer);
}
