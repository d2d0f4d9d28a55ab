/**
 * A grant's permissions as walls can be built from them: with the child's own folder, and with lists of what is left instead of denials, as
 * Workers' options and the kernel know none.
 */
import {
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  type Scope,
  SCRATCH,
  type Values,
} from "../protocol/permissions.ts";
import { SYS_KINDS } from "../protocol/permission_values.ts";
import type { Grant } from "./slot_contract.ts";

/** Whether there is anything. */
export function hasAny(values: Values): boolean {
  return values === true || values.length > 0;
}

/**
 * @param held kinds whose denials the runtime's own flags hold: they stay
 * @throws Error for a denial that nothing can stand for (`cannotHold` says so before)
 */
export function effective(grant: Grant, held: readonly PermissionName[]): PermissionSet {
  const permissions = withScratch(grant.permissions, grant.scratch);
  const variables = Object.keys(grant.environment);
  const scopes: Partial<Record<PermissionName, Scope>> = {};
  for (const name of PERMISSION_NAMES) {
    const { allow, deny } = permissions[name];
    scopes[name] = held.includes(name)
      ? permissions[name]
      : { allow: less(name, allow, deny, variables), deny: [] };
  }
  return scopes as PermissionSet;
}

/** The child's own folder instead of the word for it. */
export function withScratch(permissions: PermissionSet, scratch: string): PermissionSet {
  const real = (values: Values): Values =>
    values === true ? true : values.flatMap((value) => {
      const isScratch = value === SCRATCH || value.startsWith(`${SCRATCH}/`);
      if (!isScratch) return [value];
      return scratch === "" ? [] : [scratch + value.slice(SCRATCH.length)];
    });
  const { read, write } = permissions;
  return {
    ...permissions,
    read: { allow: real(read.allow), deny: real(read.deny) },
    write: { allow: real(write.allow), deny: real(write.deny) },
  };
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
    for (const { name, isSymlink } of entriesOf(folder || "/")) {
      // A link may lead anywhere.
      if (name !== part && !isSymlink) found.push(`${folder}/${name}`);
    }
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
