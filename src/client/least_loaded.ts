/**
 * Which of several engines a direct view's next task goes to.
 */
import type { TaskPath } from "./path.ts";
import type { PeerPath } from "./peer_path.ts";

/** The way that has the fewest of this client's tasks. @throws RangeError if there is none */
export function leastLoaded(paths: readonly (TaskPath | PeerPath)[]): TaskPath | PeerPath {
  let [best] = paths;
  let least = Infinity;
  for (const path of paths) {
    const { sent, waiting } = path.load;
    if (sent + waiting < least) [best, least] = [path, sent + waiting];
  }
  if (best === undefined) throw new RangeError("Cannot choose an engine: there is none");
  return best;
}
