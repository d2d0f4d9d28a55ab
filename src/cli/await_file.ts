/**
 * A connection file as soon as it is there: engines and schedulers are started at the same moment as their controller.
 */
import type { Logger } from "../base/log.ts";
import { type ConnectionRole, type Connections, readConnectionFile } from "../protocol/connection_file.ts";
import { ConnectionFileError } from "../protocol/errors.ts";

const POLL_MS = 10;

/** How long to wait, and until when it makes sense. */
export interface FileWait {
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Reads the connection file of a role, waiting for it to appear.
 * @throws ConnectionFileError if it does not, or holds nothing usable
 */
export async function awaitConnectionFile<Role extends ConnectionRole>(
  path: string,
  role: Role,
  wait: FileWait,
): Promise<Connections[Role]> {
  const deadline = performance.now() + wait.patienceMs;
  let isSaid = false;
  for (;;) {
    wait.signal.throwIfAborted();
    try {
      return readConnectionFile(path, role);
    } catch (error) {
      const isMissing = error instanceof ConnectionFileError && error.kind === "missing";
      if (!isMissing || performance.now() > deadline) throw error;
      if (!isSaid) {
        isSaid = true;
        wait.log.info("Waiting for a controller to write its connection file", {
          path,
          patience: `${wait.patienceMs / 1000} s`,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
