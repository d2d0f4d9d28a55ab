/**
 * What stands between tasks and the machine, as a person reads it.
 */
import type { WallReport } from "./slot_contract.ts";

/** The walls in a few words, for the hub and the log. */
export function levelOf(walls: WallReport): string {
  const parts = [
    walls.deno ? "deno" : "",
    walls.landlock > 0 ? `landlock ${walls.landlock}` : "",
    walls.seccomp ? "seccomp" : "",
  ].filter((part) => part !== "");
  const gaps = walls.missing.length === 0 ? "" : `; open: ${walls.missing.join(", ")}`;
  const excess = walls.excess.length === 0 ? "" : `; wider than granted: ${walls.excess.join(", ")}`;
  return (parts.length === 0 ? "no walls" : parts.join(", ")) + gaps + excess;
}
