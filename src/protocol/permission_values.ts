/**
 * The values of permissions, kind by kind: which ones Deno takes, their one spelling, and what two of them have in common. Pure.
 *
 * Every set of values here is made of trees: two values are disjoint, or one contains the other, or (net) their meeting is a value again.
 */
import { mayMeetNet, meetNet, readHost, readNet } from "./permission_net.ts";

/** Where relative paths begin; null: there are none. */
export type Base = string | null;

/** One kind of values. All texts but the argument of `read` are in canonical spelling. */
export interface ValueKind {
  /** The canonical spelling. `true`: it means everything of the kind. @throws TypeError with the reason alone */
  read(text: string, base: Base): string | true;
  /** What both contain; null if that is nothing. */
  meet(a: string, b: string): string | null;
  /** Whether something may fall under both, as far as the texts can tell. */
  mayMeet(a: string, b: string): boolean;
}

/** As a path: the child's own folder, fresh and empty, that is gone after it. */
export const SCRATCH = "$SCRATCH";

/** Variables of the cluster's own: keys and addresses are in them. No task ever sees them, whatever is granted. */
export const SECRET_VARIABLES = /^(TSPARALLEL_|IPP_|IPYPARALLEL_)/;

/** The kinds of system information that Deno knows, from 2.6 to 2.9. */
export const SYS_KINDS = [
  "hostname",
  "osRelease",
  "osUptime",
  "loadavg",
  "networkInterfaces",
  "systemMemoryInfo",
  "uid",
  "gid",
  "getegid",
  "username",
  "userInfo",
  "cpus",
  "homedir",
  "statfs",
  "getPriority",
  "setPriority",
] as const;

/** A kind in which of two values that meet one contains the other. */
function tree(read: ValueKind["read"], contains: (outer: string, inner: string) => boolean): ValueKind {
  const meet = (a: string, b: string) => contains(a, b) ? b : contains(b, a) ? a : null;
  return { read, meet, mayMeet: (a, b) => meet(a, b) !== null };
}

function isSame(a: string, b: string): boolean {
  return a === b;
}

// ── paths ──────────────────────────────────────────────────────────────────────────────────────

/** Whether a path is the other or lies below it, component by component. Both normal. */
export function containsPath(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  if (isScratch(outer) !== isScratch(inner)) return false;
  return inner.startsWith(outer === "/" ? outer : `${outer}/`);
}

/** Whether a path is the child's own folder or lies in it. */
export function isScratch(path: string): boolean {
  return path === SCRATCH || path.startsWith(`${SCRATCH}/`);
}

/** @throws TypeError */
export function normalPath(text: string, base: Base): string {
  if (text === "") {
    throw new TypeError(`a path cannot be empty (in a shell, "${SCRATCH}" stands in single quotes)`);
  }
  if (text.includes("\0")) throw new TypeError("a path cannot have a zero byte");
  if (isScratch(text)) {
    if (text.split("/").includes("..")) throw new TypeError(`a path in "${SCRATCH}" has no ".."`);
    return `${SCRATCH}${below(text.slice(SCRATCH.length))}`;
  }
  if (text.startsWith("/")) return below(text) || "/";
  if (base === null) throw new TypeError(`it takes absolute paths and "${SCRATCH}"`);
  return below(`${base}/${text}`) || "/";
}

/** A path without empty parts, `.` and `..`; above the root there is the root. */
function below(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.map((part) => `/${part}`).join("");
}

// ── programs, environment, system information ──────────────────────────────────────────────────

function readProgram(text: string, base: Base): string {
  if (text === "") throw new TypeError("a program's name cannot be empty");
  if (isScratch(text)) throw new TypeError(`programs in "${SCRATCH}" cannot be granted`);
  if (text.includes("/")) return normalPath(text, base);
  if (text.includes("\0")) throw new TypeError("a program's name cannot have a zero byte");
  return text;
}

function readVariable(text: string): string | true {
  if (text === "*") return true;
  if (text === "") throw new TypeError("a variable's name cannot be empty");
  if (/[=\0]/.test(text)) throw new TypeError('a variable\'s name has no "="');
  return text;
}

/** `AWS_*` stands for all names that begin with `AWS_`; a star elsewhere is a letter like others, as Deno has it. */
export function containsVariable(outer: string, inner: string): boolean {
  return outer === inner || (outer.endsWith("*") && inner.startsWith(outer.slice(0, -1)));
}

function readSysKind(text: string): string {
  if (SYS_KINDS.some((kind) => kind === text)) return text;
  throw new TypeError(`it takes ${SYS_KINDS.join(", ")}`);
}

/** By name of the permission. */
export const VALUE_KINDS = {
  read: tree(normalPath, containsPath),
  write: tree(normalPath, containsPath),
  net: { read: readNet, meet: meetNet, mayMeet: mayMeetNet },
  env: tree(readVariable, containsVariable),
  run: tree(readProgram, isSame),
  sys: tree(readSysKind, isSame),
  import: { read: readHost, meet: meetNet, mayMeet: mayMeetNet },
  ffi: tree(normalPath, containsPath),
} as const satisfies Readonly<Record<string, ValueKind>>;
