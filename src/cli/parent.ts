/**
 * Processes that a cluster started end with it, however it ended: the kernel sends them SIGTERM when their parent is gone. Where the
 * kernel cannot, they look.
 */
import { libc, SIGNAL } from "../native/libc.ts";

/** The environment variable by which a cluster tells its processes its pid. */
export const PARENT_VARIABLE = "TSPARALLEL_PARENT";

const PR_SET_PDEATHSIG = 1;
const LOOK_EVERY_MS = 500;

/** From now on this process ends, in order, when the cluster that started it is gone; does nothing if no cluster did. */
export function endWithParent(): void {
  const parent = Number(Deno.env.get(PARENT_VARIABLE) ?? "");
  Deno.env.delete(PARENT_VARIABLE);
  if (parent === 0) return;
  if (Deno.build.os === "linux") libc().prctl(PR_SET_PDEATHSIG, BigInt(SIGNAL.term), 0n, 0n, 0n);
  const look = () => {
    if (Deno.ppid !== parent) Deno.kill(Deno.pid, "SIGTERM");
  };
  look();
  if (Deno.build.os !== "linux") Deno.unrefTimer(setInterval(look, LOOK_EVERY_MS));
}
