/**
 * What this machine's kernel has for the second wall, asked at the host, before there is a child.
 */
import { landlockKnows, landlockVersion } from "../native/landlock.ts";
import { hasSeccomp } from "../native/seccomp.ts";

export interface Probe {
  /** Landlock's ABI version, 0 if there is none. */
  readonly landlock: number;
  readonly seccomp: boolean;
  /** What no child of this host can be kept from, in words. */
  readonly missing: readonly string[];
}

/** Asks the kernel; nothing is raised. */
export function probeWalls(): Probe {
  if (Deno.build.os !== "linux") {
    return { landlock: 0, seccomp: false, missing: [`the kernel's walls (none on ${Deno.build.os})`] };
  }
  const landlock = landlockVersion(), seccomp = hasSeccomp();
  const { ports, scopes } = landlockKnows(landlock);
  const missing = [
    ...(landlock === 0 ? ["files (no Landlock)"] : []),
    ...(!ports && !seccomp ? ["TCP (Landlock older than version 4)"] : []),
    ...(!scopes && !seccomp ? ["signals (Landlock older than version 6)"] : []),
    ...(seccomp ? [] : ["datagrams, Unix sockets, signals (no seccomp)"]),
  ];
  return { landlock, seccomp, missing };
}
