/**
 * Deno's wall for a grant: what the Worker is given, and what the process keeps until then.
 */
import {
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  type Values,
} from "../protocol/permissions.ts";
import { programNames } from "./program_files.ts";
import { hasAny } from "./effective.ts";

/** As a Worker's options have it. */
export type WorkerRights = Record<PermissionName, boolean | "inherit" | string[]>;

/**
 * The Worker's permissions, of `effective` ones.
 * @param held kinds whose denials the flags hold that the process was started with; the Worker inherits them
 */
export function workerRights(permissions: PermissionSet, held: readonly PermissionName[]): WorkerRights {
  const rights: Partial<WorkerRights> = {};
  for (const name of PERMISSION_NAMES) {
    const { allow } = permissions[name];
    if (!hasAny(allow)) rights[name] = false;
    else if (held.includes(name)) rights[name] = "inherit";
    else rights[name] = listed(name, allow);
  }
  return rights as WorkerRights;
}

function listed(name: PermissionName, values: Values): boolean | string[] {
  if (values === true) return true;
  return name === "run" ? programNames(values) : [...values];
}

/** For older runtimes, which ask for read and write alone where a Unix socket is opened, and know no such places. */
export function withoutUnixPlaces(rights: WorkerRights): WorkerRights {
  const { net } = rights;
  return Array.isArray(net)
    ? { ...rights, net: net.filter((place) => !/^(unix|vsock):/.test(place)) }
    : rights;
}

/** Gives up rights of this process, which what it starts later could inherit. */
export function revoke(names: readonly PermissionName[]): void {
  for (const name of names) Deno.permissions.revokeSync({ name });
}
