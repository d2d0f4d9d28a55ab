/**
 * What a program needs on a host that shares no folder with this machine, beside itself: the profile's settings, and the files of keys that settings or flags name.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { loadProfile, PROFILE_FILE } from "../base/profile.ts";
import { ClusterError, type Job } from "./launcher.ts";
import type { SshHost } from "./ssh_host.ts";

/** Flags that name a file, by the key of the profile that does the same. */
const FILES = { curveKeyFile: "--curve-key-file", keyfile: "--keyfile" } as const;

/**
 * Brings settings and keys to a host, into the profile's folder there.
 * @param dir that folder
 * @returns flags that name the files by their paths there; they stand behind the user's and so go before them
 * @throws ClusterError if a file cannot be read, or the host cannot take it
 */
export async function bringSettings(host: SshHost, job: Job, dir: string): Promise<string[]> {
  const texts = new Map<string, string | undefined>();
  const program = job.kind === "controller" ? "ipcontroller" : "ipengine";
  for (const name of [PROFILE_FILE, `${program}_config.py`, `${program}_config.json`]) {
    texts.set(`${dir}/${name}`, textIfThere(`${job.place.profileDir}/${name}`));
  }
  const flags: string[] = [];
  for (const [flag, path] of await filesNamed(job)) {
    const there = `${dir}/security/${basename(path)}`;
    texts.set(there, textOf(path, flag));
    flags.push(flag, there);
  }
  await host.write(texts);
  return flags;
}

/** The files that flags or the profile name, by their flags. */
async function filesNamed({ kind, place, program }: Job): Promise<Map<string, string>> {
  const profile = await loadProfile({
    name: place.profile,
    dir: place.profileDir,
    tables: {},
    others: "leave",
  });
  const settings = profile.sections[kind === "controller" ? "controller" : "engine"] ?? {};
  const words = program.own?.words(1) ?? [];
  const named = new Map<string, string>();
  for (const [key, flag] of Object.entries(FILES)) {
    const path = flagValue(words, flag) ?? settings[key];
    if (typeof path === "string" && path !== "") named.set(flag, path);
  }
  return named;
}

/** The value of a flag, as `--flag value` or `--flag=value`; the last one counts. */
function flagValue(words: readonly string[], flag: string): string | undefined {
  const at = words.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const word = words[at];
  return word === undefined ? undefined : word === flag ? words[at + 1] : word.slice(flag.length + 1);
}

function textIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function textOf(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ClusterError(`Cannot bring "${path}", which "${flag}" names, to another host: ${why}`, {
      cause,
    });
  }
}
