/**
 * The files that a granted program needs to be started: itself, what the kernel starts in its place (a script's interpreter), and the loader
 * of its libraries.
 */

/** Where libraries are. */
export const LIBRARY_FOLDERS = [
  ...["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/libexec"],
  ...["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload"],
  ...["/usr/share/locale", "/usr/share/zoneinfo", "/etc/localtime", "/etc/locale.alias"],
];

/** Where programs are looked for by name. */
export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface ProgramFile {
  readonly path: string;
  /** It is not granted itself: it starts one that is. */
  readonly isInterpreter: boolean;
}

/** How often a script's interpreter may be a script. */
const MAX_DEPTH = 4;
const HEAD_BYTES = 4096;

/** All files that the programs need, as paths without links. */
export function programFiles(programs: readonly string[]): ProgramFile[] {
  const found = new Map<string, ProgramFile>();
  for (const program of programs) add(found, program, false, 0);
  return [...found.values()];
}

function add(found: Map<string, ProgramFile>, program: string, isInterpreter: boolean, depth: number): void {
  const path = locate(program);
  if (path === undefined || depth > MAX_DEPTH) return;
  if (found.has(path)) {
    if (!isInterpreter) found.set(path, { path, isInterpreter });
    return;
  }
  found.set(path, { path, isInterpreter });
  for (const next of interpreters(path)) add(found, next, true, depth + 1);
}

/**
 * All names of the granted programs: a program that is found by its name, or through a link to its folder, is the same program, but Deno compares
 * the texts.
 */
export function programNames(programs: readonly string[]): string[] {
  const folders = PROGRAM_PATH.split(":");
  return [
    ...new Set(programs.flatMap((program) => {
      const real = locate(program);
      if (real === undefined) return [program];
      const name = program.slice(program.lastIndexOf("/") + 1);
      const others = folders.map((folder) => `${folder}/${name}`).filter((place) => locate(place) === real);
      return [program, ...others];
    })),
  ];
}

/** The real path of a program; a bare name is looked for. */
function locate(program: string): string | undefined {
  const places = program.includes("/")
    ? [program]
    : PROGRAM_PATH.split(":").map((folder) => `${folder}/${program}`);
  for (const place of places) {
    try {
      return Deno.realPathSync(place);
    } catch {
      // It is not there.
    }
  }
  return undefined;
}

function interpreters(path: string): string[] {
  try {
    const head = readHead(path);
    if (head[0] === 0x23 && head[1] === 0x21) return ofScript(new TextDecoder().decode(head));
    return ofElf(path, head);
  } catch {
    // It cannot be read: then it cannot be started either.
    return [];
  }
}

function readHead(path: string, offset = 0, bytes = HEAD_BYTES): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  file.seekSync(offset, Deno.SeekMode.Start);
  const head = new Uint8Array(bytes);
  return head.subarray(0, file.readSync(head) ?? 0);
}

/** `#!/bin/sh -e`, `#!/usr/bin/env python3`: env looks for its argument. */
function ofScript(head: string): string[] {
  const [program = "", ...args] = head.slice(2).split("\n")[0]!.trim().split(/\s+/);
  const isEnv = program.endsWith("/env");
  return isEnv ? [program, ...args.filter((word) => !/^-|=/.test(word)).slice(0, 1)] : [program];
}

const PT_INTERP = 3;

/** The loader that a 64-bit ELF file names. */
function ofElf(path: string, head: Uint8Array<ArrayBuffer>): string[] {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length < 64 || view.getUint32(0) !== 0x7f454c46 || head[4] !== 2) return [];
  const table = Number(view.getBigUint64(32, true)), size = view.getUint16(54, true);
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const at = table + i * size;
    if (at + 56 > head.length) return [];
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const offset = Number(view.getBigUint64(at + 8, true)), length = Number(view.getBigUint64(at + 32, true));
    return [new TextDecoder().decode(readHead(path, offset, length)).replace(/\0.*$/s, "")];
  }
  return [];
}
