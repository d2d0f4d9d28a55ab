/**
 * A file of the user's, read here: what `view.run` executes on the engines.
 */

/**
 * The text of a file.
 * @param file a path, or a URL whose scheme is `file:`
 * @throws Error if it cannot be read, with the cause; TypeError for another scheme
 */
export async function textOfFile(file: string | URL): Promise<string> {
  const place = placeOf(file);
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(place, "utf8");
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause && cause.code === "ENOENT"
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new Error(`Cannot run "${String(file)}": ${why}`, { cause });
  }
}

function placeOf(file: string | URL): string | URL {
  if (typeof file === "string" && !/^[a-z][a-z0-9+.-]+:/i.test(file)) return file;
  const url = new URL(file);
  if (url.protocol === "file:") return url;
  throw new TypeError(
    `Cannot run "${url.href}": only files of this host are read; fetch it, and use execute`,
  );
}
