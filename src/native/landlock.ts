/**
 * Landlock, the kernel's wall around files and TCP: once raised, no thread started later can open a file or a TCP port but those that it was
 * built with, whatever Deno's own permissions say. It looks at the file that a path leads to in the end, so no link leads out of a granted
 * folder. It only tightens and is never taken down. What the kernel offers is asked, not guessed from a version.
 */
import { closeFd, cString, libc } from "./libc.ts";

const SYS_CREATE_RULESET = 444n;
const SYS_ADD_RULE = 445n;
const SYS_RESTRICT_SELF = 446n;
const CREATE_RULESET_VERSION = 1n;
const RULE_PATH_BENEATH = 1n;
const RULE_NET_PORT = 2n;

/** Rights on files, as the kernel numbers them. */
export const ACCESS = {
  execute: 1 << 0,
  writeFile: 1 << 1,
  readFile: 1 << 2,
  readDir: 1 << 3,
  removeDir: 1 << 4,
  removeFile: 1 << 5,
  makeDir: 1 << 7,
  makeFile: 1 << 8,
  makeSocket: 1 << 9,
  makePipe: 1 << 10,
  makeLink: 1 << 12,
  /** To move or link a file into another folder. */
  refer: 1 << 13,
  truncate: 1 << 14,
} as const;

/** Of these, the ones that a file can have; the others are a folder's. */
const OF_FILES = ACCESS.execute | ACCESS.writeFile | ACCESS.readFile | ACCESS.truncate;
/** All rights that each ABI version knows: 13 at first, REFER, TRUNCATE, IOCTL_DEV were added. */
const FILE_RIGHTS = [0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff] as const;
/** Bind and connect of TCP, from version 4. */
const NET_RIGHTS = 3n;
const NET_VERSION = 4;
/** Abstract Unix sockets and signals of outside processes, from version 6. */
const SCOPES = 3n;
const SCOPE_VERSION = 6;
const TRUNCATE_VERSION = 3;
const SYS_OPENAT2 = 437n;
const AT_FDCWD = -100n;
const RESOLVE_NO_SYMLINKS = 4n;
/** Flags of open: O_PATH, O_DIRECTORY, O_CLOEXEC. */
const O_PATH = 0o10000000, O_DIRECTORY = 0o200000, O_CLOEXEC = 0o2000000;

/** What stays open below a path, or of a file. */
export interface PathRule {
  readonly path: string;
  readonly access: number;
  /** Whether it may lead through links. Where others can write, a link could have been put in its way. */
  readonly follows: boolean;
}

/** The exceptions of the wall. */
export interface LandlockRules {
  readonly paths: readonly PathRule[];
  /** TCP ports that may be connected to and listened on; true: all. */
  readonly ports: true | readonly number[];
}

export const NO_EXCEPTIONS: LandlockRules = { paths: [], ports: [] };

/** The kernel's version of Landlock, 0 if it has none or it is off. */
export function landlockVersion(): number {
  return Math.max(0, Number(libc().syscallBuffer1(SYS_CREATE_RULESET, null, 0n, CREATE_RULESET_VERSION)));
}

/** What a version knows: TCP ports; signals and abstract sockets to processes outside; the length of files. */
export interface LandlockKnowledge {
  readonly ports: boolean;
  readonly scopes: boolean;
  readonly truncate: boolean;
}

export function landlockKnows(version: number): LandlockKnowledge {
  return {
    ports: version >= NET_VERSION,
    scopes: version >= SCOPE_VERSION,
    truncate: version >= TRUNCATE_VERSION,
  };
}

/**
 * Takes every right that the kernel's version knows from the calling thread and all that it starts later, with these exceptions.
 * `noNewPrivileges()` must have been called. Returns the version in force, 0 if the wall could not be raised.
 */
export function raiseLandlock(rules: LandlockRules = NO_EXCEPTIONS): number {
  const version = landlockVersion();
  if (version === 0) return 0;
  const files = FILE_RIGHTS[Math.min(version, FILE_RIGHTS.length - 1)] ?? 0;
  const knows = landlockKnows(version);
  const ports = knows.ports && rules.ports !== true ? rules.ports : undefined;
  const attributes = [BigInt(files), ports !== undefined ? NET_RIGHTS : 0n, knows.scopes ? SCOPES : 0n];
  const bytes = knows.scopes ? 24n : knows.ports ? 16n : 8n;
  const structure = new Uint8Array(new BigUint64Array(attributes).buffer);
  const ruleset = Number(libc().syscallBuffer1(SYS_CREATE_RULESET, structure, bytes, 0n));
  if (ruleset < 0) return 0;
  for (const rule of rules.paths) addPath(ruleset, rule, files);
  for (const port of ports ?? []) addPort(ruleset, port);
  const done = Number(libc().syscall(SYS_RESTRICT_SELF, BigInt(ruleset), 0n, 0n, 0n, 0n));
  closeFd(ruleset);
  return done === 0 ? version : 0;
}

/** A path that is not there has no rule: then nothing is open. */
function addPath(ruleset: number, { path, access, follows }: PathRule, known: number): void {
  const resolve = follows ? 0n : RESOLVE_NO_SYMLINKS;
  const folder = openPath(path, O_PATH | O_DIRECTORY | O_CLOEXEC, resolve);
  const fd = folder >= 0 ? folder : openPath(path, O_PATH | O_CLOEXEC, resolve);
  if (fd < 0) return;
  const rights = access & known & (folder >= 0 ? ~0 : OF_FILES);
  const rule = new Uint8Array(12);
  const view = new DataView(rule.buffer);
  view.setBigUint64(0, BigInt(rights), true);
  view.setInt32(8, fd, true);
  libc().syscallBuffer3(SYS_ADD_RULE, BigInt(ruleset), RULE_PATH_BENEATH, rule, 0n);
  closeFd(fd);
}

function openPath(path: string, flags: number, resolve: bigint): number {
  const how = new Uint8Array(new BigUint64Array([BigInt(flags), 0n, resolve]).buffer);
  return Number(libc().syscallBuffer23(SYS_OPENAT2, AT_FDCWD, cString(path), how, 24n));
}

function addPort(ruleset: number, port: number): void {
  const rule = new Uint8Array(new BigUint64Array([NET_RIGHTS, BigInt(port)]).buffer);
  libc().syscallBuffer3(SYS_ADD_RULE, BigInt(ruleset), RULE_NET_PORT, rule, 0n);
}

/** Gives up for ever what a set-user-id program could win back: the kernel asks for it before Landlock and seccomp. */
export function noNewPrivileges(): boolean {
  return libc().prctl(38, 1n, 0n, 0n, 0n) === 0;
}
