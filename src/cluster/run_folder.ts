/**
 * The folder of a run: `security/` (connection files), `log/`, `pid/` and the database, for its owner alone.
 */

/** A run's folder that cannot be used; the message is a sentence for the user. */
export class RunFolderError extends Error {
  override readonly name = "RunFolderError";
}

/** The folders inside it. */
export type RunSubfolder = "security" | "log" | "pid";

const SUBFOLDERS: readonly RunSubfolder[] = ["security", "log", "pid"];

/**
 * Makes the run's folder and those inside it, mode 0700, where they are missing.
 * @throws RunFolderError if one cannot be made or written to
 */
export function prepareRunFolder(dir: string): void {
  try {
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of SUBFOLDERS) {
      Deno.mkdirSync(`${dir}/${name}`, { recursive: true, mode: 0o700 });
      const probe = `${dir}/${name}/.probe-${Deno.pid}`;
      Deno.writeTextFileSync(probe, "", { mode: 0o600 });
      Deno.removeSync(probe);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RunFolderError(`Cannot write in the run's folder "${dir}": ${why}`, { cause });
  }
}
