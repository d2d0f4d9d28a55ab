/**
 * Deno's wall for a grant: what the Worker is given, and what the process keeps until then.
 */
import {
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  type Values,
} from "../protocol/permissions.ts";
import { SYS_KINDS } from "../protocol/permission_values.ts";
import { hasAny } from "./wall_plan.ts";

/** As a Worker's options have it. */
export type WorkerRights = Record<PermissionName, boolean | "inherit" | string[]>;

/**
 * The Worker's permissions.
 * @param held kinds whose denials the flags hold that this process was started with; the Worker inherits them
 * @param variables names of the granted environment variables
 */
export function workerRights(
  permissions: PermissionSet,
  held: readonly PermissionName[],
  variables: readonly string[],
): WorkerRights {
  const rights: Partial<WorkerRights> = {};
  for (const name of PERMISSION_NAMES) {
    const { allow, deny } = permissions[name];
    if (!hasAny(allow)) rights[name] = false;
    else if (held.includes(name)) rights[name] = "inherit";
    else rights[name] = listed(less(name, allow, deny, variables));
  }
  return rights as WorkerRights;
}

function listed(values: Values): boolean | string[] {
  return values === true ? true : [...values];
}

/** What is left of a finite list; a Worker's options know no denials. */
function less(name: PermissionName, allow: Values, deny: Values, variables: readonly string[]): Values {
  if (deny === true) return [];
  if (deny.length === 0) return allow;
  // What is not granted is not in the environment: these are all that there are.
  if (name === "env") return [...variables];
  if (name === "sys") return (allow === true ? SYS_KINDS : allow).filter((kind) => !deny.includes(kind));
  if (name === "read" || name === "write") return deny.reduce(withoutPath, allow === true ? ["/"] : allow);
  throw new Error(`Cannot hold the denial of ${name} ${deny.join(", ")}`);
}

/** Instead of each folder that has the path in it: everything beside the way to it that is there now. */
function withoutPath(allow: readonly string[], path: string): string[] {
  return allow.flatMap((outer) => {
    if (outer === path || outer.startsWith(`${path}/`)) return [];
    const inside = outer === "/" ? path.startsWith("/") : path.startsWith(`${outer}/`);
    return inside ? beside(outer, path) : [outer];
  });
}

function beside(outer: string, path: string): string[] {
  const found: string[] = [];
  const rest = path.slice(outer === "/" ? 1 : outer.length + 1).split("/");
  let folder = outer === "/" ? "" : outer;
  for (const part of rest) {
    for (const { name } of entriesOf(folder || "/")) if (name !== part) found.push(`${folder}/${name}`);
    folder += `/${part}`;
  }
  return found;
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
}

/** Gives up rights of this process, which what it starts later could inherit. */
export function revoke(names: readonly PermissionName[]): void {
  for (const name of names) Deno.permissions.revokeSync({ name });
}
