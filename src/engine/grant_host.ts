/**
 * The machine that an engine host runs on, as grants see it: links, programs, environment.
 */
import type { GrantHost } from "./grants.ts";

/** The real machine. */
export const THIS_HOST: GrantHost = {
  realPath,
  findProgram,
  environment: () => Deno.env.toObject(),
};

/** Without links as far as the path exists; what is not there yet is appended as it is. */
function realPath(path: string): string {
  const missing: string[] = [];
  for (let at = path;;) {
    try {
      const real = Deno.realPathSync(at);
      return missing.length === 0 ? real : `${real === "/" ? "" : real}/${missing.reverse().join("/")}`;
    } catch {
      const cut = at.lastIndexOf("/");
      if (cut < 0 || at === "/") return path;
      missing.push(at.slice(cut + 1));
      at = at.slice(0, cut) || "/";
    }
  }
}

/** As a shell finds it. */
function findProgram(name: string): string | null {
  if (name === "") return null;
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (!folder.startsWith("/")) continue;
    const path = `${folder.replace(/\/+$/, "")}/${name}`;
    if (isProgram(path)) return path;
  }
  return null;
}

function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
