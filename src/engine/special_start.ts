/**
 * Grants that no spare can serve, since the child's process must be started for them: denials that only the runtime's own flags hold, and
 * imports from elsewhere, which need the loader's remote half and a place for what it fetched.
 */
import {
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  type Values,
} from "../protocol/permissions.ts";
import type { Grant } from "./slot_contract.ts";
import { hasAny, withScratch } from "./effective.ts";

export interface SpecialStart {
  /** Kinds of permissions that the flags hold. */
  readonly held: readonly PermissionName[];
  readonly environment: Readonly<Record<string, string>>;
  /** The child's command with what this grant needs; without Deno's wall, without its denials. */
  readonly command: (command: readonly string[], isDeno: boolean) => string[];
}

/** Kinds whose denials a list of what is left cannot stand for; the others are few and known (`worker_permissions.ts`). */
const BY_FLAGS = ["read", "write", "net", "run", "import", "ffi"] as const;

function heldKinds(permissions: PermissionSet): PermissionName[] {
  return BY_FLAGS.filter((name) => hasAny(permissions[name].allow) && hasAny(permissions[name].deny));
}

/**
 * Why no child can hold this set, as the end of a sentence; undefined if one can.
 * @param isCompiled in a compiled program the flags are those that it was compiled with
 */
export function cannotHold(permissions: PermissionSet, isCompiled: boolean): string | undefined {
  if (!isCompiled) return undefined;
  if (hasAny(permissions.import.allow)) {
    return "a compiled program cannot import modules from elsewhere";
  }
  const name = heldKinds(permissions).find((kind) => kind !== "read" && kind !== "write");
  if (name === undefined) return undefined;
  const { deny } = permissions[name];
  return `a compiled program cannot hold the denial of ${name} ${deny === true ? "" : `"${deny[0]}"`}`
    .trimEnd();
}

/** How a child for this grant is started; undefined: a spare will do. */
export function specialStart(grant: Grant, isCompiled: boolean): SpecialStart | undefined {
  if (isCompiled) return undefined;
  const permissions = withScratch(grant.permissions, grant.scratch);
  const held = heldKinds(permissions), isRemote = hasAny(permissions.import.allow);
  if (held.length === 0 && !isRemote) return undefined;
  const cache = grant.scratch === "" ? {} : { DENO_DIR: `${grant.scratch}/.deno` };
  return {
    held,
    environment: isRemote ? cache : {},
    command: (command, isDeno) =>
      command.flatMap((word) => {
        if (word === "--no-remote" && isRemote) return [];
        return word === "-A" && isDeno && held.length > 0 ? flagsOf(permissions, held) : [word];
      }),
  };
}

/** Everything for the process itself, but of the kinds that are held exactly what the Worker shall inherit. */
function flagsOf(permissions: PermissionSet, held: readonly PermissionName[]): string[] {
  return PERMISSION_NAMES.flatMap((name) => {
    if (!held.includes(name)) return [`--allow-${name}`];
    const { allow, deny } = permissions[name];
    return [`--allow-${name}${listOf(allow)}`, `--deny-${name}${listOf(deny)}`];
  });
}

/** Deno separates by commas; two are one. */
function listOf(values: Values): string {
  return values === true ? "" : `=${values.map((value) => value.replaceAll(",", ",,")).join(",")}`;
}
