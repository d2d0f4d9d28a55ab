/**
 * A child's own folder: fresh, empty, nobody else's, and gone with the child.
 */
import { SCRATCH } from "../protocol/permission_values.ts";
import { PERMISSION_NAMES } from "../protocol/permissions.ts";
import type { ChildKey } from "./grants.ts";

/** Whether children of this key have any use for a folder: who may name it, fetch modules or run programs. */
export function needsScratch({ permissions }: ChildKey): boolean {
  return PERMISSION_NAMES.some((name) => {
    const { allow } = permissions[name];
    if (allow === true || name === "import" || name === "run") return allow === true || allow.length > 0;
    return allow.some((value) => value.includes(SCRATCH));
  });
}

export class Scratch {
  private constructor(readonly path: string) {}

  /** A new one, which only this user can enter. @throws Error if there can be none */
  static make(): Scratch {
    return new Scratch(Deno.realPathSync(Deno.makeTempDirSync({ prefix: `tsparallel-slot-${Deno.pid}-` })));
  }

  /** Removes it with everything in it; what holds that up, holds up nobody. */
  remove(): void {
    Deno.remove(this.path, { recursive: true }).catch(() => {});
  }
}
