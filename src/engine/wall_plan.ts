/**
 * What the kernel's walls are built from for a grant. They know no host names, no denial below what is allowed, no file that is not there
 * yet: they are never narrower than the grant, and where they are wider, the plan says so.
 */
import { CAPABILITY } from "../native/libc.ts";
import { ACCESS, landlockKnows, type LandlockRules, type PathRule } from "../native/landlock.ts";
import type { Openings } from "../native/seccomp.ts";
import { PERMISSION_NAMES, type PermissionSet, type Values } from "../protocol/permissions.ts";
import { hasAny } from "./effective.ts";
import { netPlan, resolverFiles } from "./net_plan.ts";
import { LIBRARY_FOLDERS, programFiles } from "./program_files.ts";
import type { Grant } from "./slot_contract.ts";

export interface WallPlan {
  readonly landlock: LandlockRules;
  readonly openings: Openings;
  readonly capabilities: readonly number[];
  readonly excess: readonly string[];
}

const READ = ACCESS.readFile | ACCESS.readDir;
/** To remove a folder with what is in it is to list it, for which Deno asks no right to read. */
const WRITE = ACCESS.writeFile | ACCESS.truncate | ACCESS.makeFile | ACCESS.makeDir | ACCESS.makeLink |
  ACCESS.makePipe | ACCESS.removeFile | ACCESS.removeDir | ACCESS.refer | ACCESS.readDir;
const EXECUTE = ACCESS.execute | ACCESS.readFile;

/** What the runtime reads to answer for a kind of system information. */
const SYS_FILES: Readonly<Record<string, readonly string[]>> = {
  osRelease: ["/proc/sys/kernel/osrelease"],
  osUptime: ["/proc/uptime"],
  loadavg: ["/proc/loadavg"],
  systemMemoryInfo: ["/proc/meminfo"],
  cpus: ["/proc/cpuinfo", "/proc/stat", "/sys/devices/system/cpu"],
  username: ["/etc/passwd", "/etc/nsswitch.conf"],
  userInfo: ["/etc/passwd", "/etc/nsswitch.conf"],
  homedir: ["/etc/passwd", "/etc/nsswitch.conf"],
};

/** What nearly every program opens. */
const PROGRAM_DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom"];

/** Makes the plan for a grant whose permissions are `effective`. Looks at files, so it must come before the walls. */
export function planWalls(grant: Grant, landlockVersion: number): WallPlan {
  const { read, write, net, run, sys, import: remote, ffi } = grant.permissions;
  const excess: string[] = [];
  const knows = landlockKnows(landlockVersion);
  const network = netPlan(net.allow, remote.allow, knows.ports, excess);
  const tells = (kind: string) => sys.allow === true || sys.allow.includes(kind);
  const unixSockets = hasAny(read.allow) && hasAny(write.allow) && network.hasUnix;
  if (unixSockets) excess.push("Unix sockets at any path");
  const openings: Openings = {
    internet: network.isOpen,
    unixSockets,
    machines: network.hasMachines,
    interfaces: tells("networkInterfaces"),
    priorities: tells("setPriority"),
    attributes: hasAny(write.allow),
    watching: hasAny(read.allow),
    programs: hasAny(run.allow),
  };
  const paths = [
    ...pathRules("read", read.allow, READ, excess),
    ...pathRules("write", write.allow, WRITE | (unixSockets ? ACCESS.makeSocket : 0), excess),
    ...programRules(run.allow, knows.scopes, excess),
    ...libraryRules(ffi.allow, excess),
    ...readable(network.needsNames ? resolverFiles() : []),
    ...readable(network.isOpen ? CERTIFICATE_FILES : []),
    ...readable(sysFiles(sys.allow)),
    ...(hasAny(remote.allow) && grant.scratch !== ""
      ? [{ path: grant.scratch, access: READ | WRITE, follows: false }]
      : []),
  ];
  if (openings.attributes && write.allow !== true) excess.push("mode, owner and times of any file");
  if (openings.attributes && write.allow !== true) {
    excess.push("the names of files in folders that may be written");
  }
  if (openings.attributes && !knows.truncate) {
    excess.push("length of any file (Landlock older than version 3)");
  }
  if (openings.watching && read.allow !== true) excess.push("being told of changes of any file");
  excess.push(...denials(grant.permissions));
  return {
    landlock: { paths, ports: network.ports },
    openings,
    capabilities: capabilitiesOf(openings, hasAny(read.allow), hasAny(write.allow)),
    excess: [...new Set(excess)],
  };
}

/** Where the system's certificates are, for grants that reach out by TLS. */
const CERTIFICATE_FILES = [
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/pki/tls/certs",
  "/usr/share/ca-certificates",
];

function capabilitiesOf(open: Openings, reads: boolean, writes: boolean): number[] {
  const { readAny, overrideMode, owner, chown, lowPorts } = CAPABILITY;
  return [
    ...(reads ? [readAny] : []),
    ...(writes ? [overrideMode, owner, chown] : []),
    ...(open.internet ? [lowPorts] : []),
  ];
}

function readable(paths: readonly string[]): PathRule[] {
  return paths.map((path) => ({ path, access: READ, follows: true }));
}

/** Denials that are left, below what is allowed: only Deno's wall holds them. */
function denials(permissions: PermissionSet): string[] {
  return PERMISSION_NAMES.flatMap((name) => {
    const { deny } = permissions[name];
    return deny === true ? [] : deny.map((value) => `${name} ${value}, although denied`);
  });
}

function pathRules(kind: "read" | "write", allow: Values, access: number, excess: string[]): PathRule[] {
  if (allow === true) return [{ path: "/", access, follows: false }];
  return allow.flatMap((path): PathRule[] => {
    const { found, type } = nearest(path);
    if (found !== path) excess.push(`${kind} ${found}, as "${path}" is not there yet`);
    const rules = [{ path: found, access, follows: false }];
    // To remove a file, or to put another in its place, is to change its folder.
    if (kind === "write" && found === path && type === "file") {
      const folder = parentOf(path);
      excess.push(`write ${folder}, to replace "${path}"`);
      rules.push({ path: folder, access, follows: false });
    }
    return rules;
  });
}

/** The path, or the nearest folder above it that is there. */
function nearest(path: string): { found: string; type: "file" | "folder" } {
  for (let found = path;; found = parentOf(found)) {
    try {
      const { isDirectory } = Deno.statSync(found);
      // A file cannot be above anything.
      if (isDirectory || found === path) return { found, type: isDirectory ? "folder" : "file" };
    } catch {
      if (found === "/") return { found, type: "folder" };
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) || "/";
}

function programRules(allow: Values, hasScopes: boolean, excess: string[]): PathRule[] {
  if (!hasAny(allow)) return [];
  if (!hasScopes) excess.push("signals to any process of this user (Landlock older than version 6)");
  const rules = [
    ...readable(LIBRARY_FOLDERS),
    ...PROGRAM_DEVICES.map((path) => ({ path, access: READ | ACCESS.writeFile, follows: true })),
  ];
  excess.push("read of the system's libraries");
  if (allow === true) {
    excess.push("read of any file (any program may be started)");
    return [...rules, { path: "/", access: EXECUTE, follows: false }];
  }
  const files = programFiles(allow);
  for (const { path, isInterpreter } of files) {
    if (isInterpreter) excess.push(`run ${path}, which starts what can be read`);
  }
  return [...rules, ...files.map(({ path }) => ({ path, access: EXECUTE, follows: false }))];
}

function libraryRules(allow: Values, excess: string[]): PathRule[] {
  if (!hasAny(allow)) return [];
  excess.push("native code: everything that the kernel's walls leave open");
  const paths = allow === true ? ["/"] : [...allow, ...LIBRARY_FOLDERS];
  return readable(paths);
}

function sysFiles(allow: Values): string[] {
  const kinds = allow === true ? Object.keys(SYS_FILES) : allow;
  return kinds.flatMap((kind) => SYS_FILES[kind] ?? []);
}
