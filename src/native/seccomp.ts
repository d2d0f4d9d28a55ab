/**
 * The system-call filter: closes what Landlock leaves open (datagrams, Unix sockets, signals to others, file attributes, starting
 * programs), in all threads at once, also those that ran before. A forbidden call fails with EPERM; nothing is killed by it.
 *
 * The filter is a small program for the kernel's packet filter machine over (call number, architecture, arguments). It sees numbers only, no
 * paths and no addresses: what a grant opens here is open for all of them, and is said so.
 */
import { libc } from "./libc.ts";
import { AARCH64, FIRST_UNKNOWN, type Forbidden, type SeccompTable, X86_64 } from "./seccomp_tables.ts";

/** What a grant opens. */
export interface Openings {
  /** TCP and UDP over IPv4 and IPv6. */
  readonly internet: boolean;
  readonly unixSockets: boolean;
  /** Sockets between virtual machines and their host. */
  readonly machines: boolean;
  /** Asking the kernel for its network interfaces. */
  readonly interfaces: boolean;
  /** Priorities of other processes. */
  readonly priorities: boolean;
  /** Mode, owner, times and length of files. */
  readonly attributes: boolean;
  /** Being told of changes of files. */
  readonly watching: boolean;
  /** Starting programs, and signals to them. */
  readonly programs: boolean;
}

export const ALL_CLOSED: Openings = {
  internet: false,
  unixSockets: false,
  machines: false,
  interfaces: false,
  priorities: false,
  attributes: false,
  watching: false,
  programs: false,
};

const LOAD = 0x20, AND = 0x54, EQUAL = 0x15, AT_LEAST = 0x35, RETURN = 0x06;
const ALLOW = 0x7fff0000,
  EPERM = 0x00050001,
  ENOSYS = 0x00050026,
  EOPNOTSUPP = 0x0005005f,
  KILL_PROCESS = 0x80000000;
const NUMBER = 0, ARCHITECTURE = 4, ARGUMENTS = 16;
const ALL_BITS = 0xffffffff;
const CLONE_THREAD = 0x10000;
/** All flags of clone that make namespaces. */
const CLONE_NAMESPACES = 0x7e020000;
const X32_BIT = 0x40000000;
const UNIX = 1, INET = 2, INET6 = 10, NETLINK = 16, VSOCK = 40;
const STREAM = 1, DATAGRAM = 2;
/** A socket's type without its flags. */
const TYPE_BITS = 0xf;
const TCP = 6, UDP = 17;
const MSG_FASTOPEN = 0x20000000;
const SYS_SECCOMP = { x86_64: 317n, aarch64: 277n } as const;

/** One step of the filter: operation, steps to skip if true, if false, constant. */
type Step = readonly [operation: number, ifTrue: number, ifFalse: number, constant: number];

/** An argument must be this value where the mask has bits. */
type Test = readonly [argument: number, mask: number, value: number];

/** The filter as steps: what `assemble` turns into bytes, and what the tests run. */
export function filterSteps(table: SeccompTable, pid: number, open: Openings = ALL_CLOSED): Step[] {
  const { programs } = open;
  const network = open.internet || open.unixSockets || open.machines || open.interfaces;
  return [
    [LOAD, 0, 0, ARCHITECTURE],
    [EQUAL, 1, 0, table.audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER],
    ...(table.x32 ? [[AT_LEAST, 0, 1, X32_BIT], [RETURN, 0, 0, EPERM]] as Step[] : []),
    [AT_LEAST, 0, 1, FIRST_UNKNOWN],
    [RETURN, 0, 0, ENOSYS],
    // The C library falls back to clone(), whose flags can be seen here.
    [EQUAL, 0, 1, table.clone3],
    [RETURN, 0, 0, ENOSYS],
    ...guarded(table.clone, [
      programs ? [[0, CLONE_NAMESPACES, 0]] : [[0, CLONE_THREAD, CLONE_THREAD]],
    ]),
    // Own limits and places in the queue only: with another's the host could be stopped.
    ...table.ownOnly.flatMap(([call, argument]) => guarded(call, [[[argument, ALL_BITS, 0]]])),
    ...(open.priorities ? [] : guarded(table.setpriority, [[[0, ALL_BITS, 0], [1, ALL_BITS, 0]]])),
    ...guarded(table.socket, sockets(open)),
    ...guarded(table.socketpair, programs ? [[[0, ALL_BITS, UNIX], [1, TYPE_BITS, STREAM]]] : []),
    ...(open.internet ? table.fastOpen : []).flatMap(([call, flags]) =>
      guarded(call, [[[flags, MSG_FASTOPEN, 0]]])
    ),
    ...(programs ? [] : table.signals).flatMap((call) => guarded(call, [[[0, ALL_BITS, pid]]])),
    ...refused(network ? [] : table.network),
    ...refused(programs ? [] : table.programs),
    ...refused(open.attributes ? [] : table.attributes),
    ...refused(open.watching ? [] : table.watching),
    ...refused(table.refused),
    ...refused(table.unsupported, EOPNOTSUPP),
    ...table.forbidden.flatMap(forbidden),
    [RETURN, 0, 0, ALLOW],
  ];
}

/**
 * The sockets that may be made. Of protocols only the two that Landlock and this filter know: what else travels as a stream (MPTCP, SCTP) would
 * get round Landlock's ports.
 */
function sockets(open: Openings): Test[][] {
  const inet = [INET, INET6].flatMap((family): Test[][] =>
    [[STREAM, TCP], [DATAGRAM, UDP]].flatMap(([type = 0, protocol = 0]) =>
      [0, protocol].map((wanted): Test[] => [[0, ALL_BITS, family], [1, TYPE_BITS, type], [
        2,
        ALL_BITS,
        wanted,
      ]])
    )
  );
  return [
    ...(open.internet ? inet : []),
    ...(open.unixSockets ? [[[0, ALL_BITS, UNIX]] as Test[]] : []),
    ...(open.machines ? [[[0, ALL_BITS, VSOCK], [1, TYPE_BITS, STREAM]] as Test[]] : []),
    ...(open.interfaces ? [[[0, ALL_BITS, NETLINK], [2, ALL_BITS, 0]] as Test[]] : []),
  ];
}

function refused(calls: readonly number[], answer = EPERM): Step[] {
  return calls.flatMap((number): Step[] => [[EQUAL, 0, 1, number], [RETURN, 0, 0, answer]]);
}

/** Refuses a call where its argument has one of some values. */
function forbidden({ call, argument, values }: Forbidden): Step[] {
  const body = [
    [LOAD, 0, 0, ARGUMENTS + 8 * argument] as Step,
    ...refused(values),
    [RETURN, 0, 0, ALLOW] as Step,
  ];
  return [[EQUAL, 0, body.length, call], ...body];
}

/** Allows a call only if all tests of one of the alternatives pass. */
function guarded(number: number, alternatives: readonly (readonly Test[])[]): Step[] {
  const body = alternatives.flatMap((tests) => [
    ...tests.flatMap(([argument, mask, value], index): Step[] => [
      [LOAD, 0, 0, ARGUMENTS + 8 * argument],
      [AND, 0, 0, mask],
      [EQUAL, 0, (tests.length - 1 - index) * 3 + 1, value],
    ]),
    [RETURN, 0, 0, ALLOW] as Step,
  ]);
  return [[EQUAL, 0, body.length + 1, number], ...body, [RETURN, 0, 0, EPERM]];
}

/** A filter in the kernel's form, with its pointers taken, ready to be raised when the right to use FFI is gone. */
export interface SeccompFilter {
  readonly program: Uint8Array<ArrayBuffer>;
  /** Kept so that its memory lives until the kernel has copied it. */
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Builds the filter for this process. Undefined on an architecture without a table. */
export function buildSeccomp(pid: number, open: Openings = ALL_CLOSED): SeccompFilter | undefined {
  const table = { x86_64: X86_64, aarch64: AARCH64 }[Deno.build.arch];
  return table && assemble(filterSteps(table, pid, open));
}

function assemble(steps: readonly Step[]): SeccompFilter {
  const code = new Uint8Array(steps.length * 8);
  const view = new DataView(code.buffer);
  steps.forEach(([operation, ifTrue, ifFalse, constant], i) => {
    view.setUint16(i * 8, operation, true);
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    view.setUint32(i * 8 + 4, constant >>> 0, true);
  });
  const program = new Uint8Array(16);
  const head = new DataView(program.buffer);
  head.setUint16(0, steps.length, true);
  head.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(code))), true);
  return { program, code };
}

/** Puts the filter on all threads of this process. `noNewPrivileges()` must have been called. False if the kernel refused. */
export function raiseSeccomp(filter: SeccompFilter): boolean {
  const number = SYS_SECCOMP[Deno.build.arch];
  return libc().syscallBuffer3(number, 1n, 1n, filter.program, 0n) === 0n;
}

/** Whether this kernel takes filters at all, asked without raising one. */
export function hasSeccomp(): boolean {
  // SECCOMP_GET_ACTION_AVAIL of the action that refuses.
  return libc().syscallBuffer3(SYS_SECCOMP[Deno.build.arch], 2n, 0n, REFUSE_ACTION, 0n) === 0n;
}

const REFUSE_ACTION = new Uint8Array(new Uint32Array([0x00050000]).buffer);
