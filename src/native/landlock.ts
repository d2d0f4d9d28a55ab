/**
 * Landlock, the kernel's wall around files and TCP: once raised, no thread started later can open a file or a TCP port, whatever
 * Deno's own permissions say. It only tightens and is never taken down. What the kernel offers is asked, not guessed from a version.
 */
import { closeFd, libc } from "./libc.ts";

const SYS_CREATE_RULESET = 444n;
const SYS_RESTRICT_SELF = 446n;
const CREATE_RULESET_VERSION = 1n;

/** Rights on files that each ABI version knows, as masks: 13 at first, REFER, TRUNCATE, IOCTL_DEV were added. */
const FILE_RIGHTS = [0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff] as const;
/** Bind and connect of TCP, from version 4. */
const NET_RIGHTS = 3n;
/** Abstract Unix sockets and signals of outside processes, from version 6. */
const SCOPES = 3n;

/** The kernel's version of Landlock, 0 if it has none or it is off. */
export function landlockVersion(): number {
  return Math.max(0, Number(libc().syscallBuffer1(SYS_CREATE_RULESET, null, 0n, CREATE_RULESET_VERSION)));
}

/**
 * Takes every right that the kernel's version knows from the calling thread and all that it starts later, with no exception.
 * `noNewPrivileges()` must have been called. Returns the version in force, 0 if the wall could not be raised.
 */
export function raiseLandlock(): number {
  const version = landlockVersion();
  if (version === 0) return 0;
  const files = FILE_RIGHTS[Math.min(version, FILE_RIGHTS.length - 1)] ?? 0;
  const attributes = [BigInt(files), version >= 4 ? NET_RIGHTS : 0n, version >= 6 ? SCOPES : 0n];
  const bytes = version >= 6 ? 24n : version >= 4 ? 16n : 8n;
  const structure = new Uint8Array(new BigUint64Array(attributes).buffer);
  const ruleset = Number(libc().syscallBuffer1(SYS_CREATE_RULESET, structure, bytes, 0n));
  if (ruleset < 0) return 0;
  const done = Number(libc().syscall(SYS_RESTRICT_SELF, BigInt(ruleset), 0n, 0n, 0n, 0n));
  closeFd(ruleset);
  return done === 0 ? version : 0;
}

/** Gives up for ever what a set-user-id program could win back: the kernel asks for it before Landlock and seccomp. */
export function noNewPrivileges(): boolean {
  return libc().prctl(38, 1n, 0n, 0n, 0n) === 0;
}
