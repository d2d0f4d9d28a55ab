/**
 * libzmq 4.3 by FFI: the one door to it. The library is the prebuilt file of the `zeromq` npm package, which exports the C API on Linux and macOS; elsewhere, or to
 * use another one, name a file in `TSPARALLEL_LIBZMQ`.
 */
import { toHex } from "../base/ids.ts";

const SYMBOLS = {
  zmq_version: { parameters: ["buffer", "buffer", "buffer"], result: "void" },
  zmq_errno: { parameters: [], result: "i32" },
  zmq_strerror: { parameters: ["i32"], result: "pointer" },
  zmq_ctx_new: { parameters: [], result: "pointer" },
  zmq_ctx_set: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  zmq_ctx_shutdown: { parameters: ["pointer"], result: "i32" },
  zmq_ctx_term: { parameters: ["pointer"], result: "i32", nonblocking: true },
  zmq_socket: { parameters: ["pointer", "i32"], result: "pointer" },
  zmq_close: { parameters: ["pointer"], result: "i32" },
  zmq_setsockopt: { parameters: ["pointer", "i32", "buffer", "usize"], result: "i32" },
  zmq_getsockopt: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "i32" },
  zmq_bind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_unbind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_connect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_disconnect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_send: { parameters: ["pointer", "buffer", "usize", "i32"], result: "i32" },
  zmq_msg_init: { parameters: ["buffer"], result: "i32" },
  zmq_msg_init_size: { parameters: ["buffer", "usize"], result: "i32" },
  zmq_msg_data: { parameters: ["buffer"], result: "pointer" },
  zmq_msg_size: { parameters: ["buffer"], result: "usize" },
  zmq_msg_more: { parameters: ["buffer"], result: "i32" },
  zmq_msg_recv: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_send: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_close: { parameters: ["buffer"], result: "i32" },
  zmq_poll: { parameters: ["buffer", "i32", "isize"], result: "i32" },
  poll_async: { name: "zmq_poll", parameters: ["buffer", "i32", "isize"], result: "i32", nonblocking: true },
  zmq_curve_keypair: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The C functions, typed. */
export type LibZmq = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Environment variable that names another library file. */
const VARIABLE = "TSPARALLEL_LIBZMQ";

let opened: { readonly symbols: LibZmq; readonly file: string; readonly version: string } | undefined;

/**
 * Opens the library once per process.
 * @param file a library to use instead of the one found by itself
 * @throws Error naming all files that were looked for
 */
export function libzmq(
  file?: string,
): { readonly symbols: LibZmq; readonly file: string; readonly version: string } {
  if (opened !== undefined) return opened;
  const candidates = file === undefined ? candidateFiles() : [file];
  const failures: string[] = [];
  for (const candidate of candidates) {
    try {
      const path = Deno.build.standalone ? extracted(candidate) : candidate;
      const symbols = Deno.dlopen(path, SYMBOLS).symbols;
      return opened = { symbols, file: candidate, version: versionOf(symbols) };
    } catch (error) {
      failures.push(`  ${candidate}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  }
  throw new Error(
    `Cannot open libzmq; name a libzmq 4.3 file in the environment variable ${VARIABLE}. Looked for:\n${
      failures.join("\n")
    }`,
  );
}

function versionOf(symbols: LibZmq): string {
  const numbers = new Int32Array(3);
  const part = (i: number) => new Uint8Array(numbers.buffer, i * 4, 4);
  symbols.zmq_version(part(0), part(1), part(2));
  if (numbers[0] !== 4 || numbers[1]! < 3) throw new Error(`libzmq ${numbers.join(".")} is not 4.3`);
  return numbers.join(".");
}

function candidateFiles(): string[] {
  const named = Deno.env.get(VARIABLE);
  if (named !== undefined && named !== "") return [named];
  const folder = packageFolder();
  const { os, arch } = Deno.build;
  const system = os === "darwin" ? "darwin" : os === "windows" ? "win32" : os;
  const base = `${folder}/build/${system}/${arch === "aarch64" ? "arm64" : "x64"}/node`;
  const files: string[] = [];
  try {
    for (const entry of Deno.readDirSync(base)) {
      const path = `${base}/${entry.name}/addon.node`;
      if (entry.isDirectory && exists(path)) files.push(path);
    }
  } catch {
    // No build for this system: the message below names where one was looked for.
  }
  if (files.length === 0) {
    return [`${base}/*/addon.node`, system === "darwin" ? "libzmq.5.dylib" : "libzmq.so.5"];
  }
  const libc = exists("/lib/ld-musl-x86_64.so.1") || exists("/lib/ld-musl-aarch64.so.1") ? "musl" : "glibc";
  const other = libc === "musl" ? "glibc" : "musl";
  const rank = (path: string) =>
    path.includes(`/${libc}-`) || path.includes("/libc-") ? 0 : path.includes(`/${other}-`) ? 2 : 1;
  return files.sort((a, b) => rank(a) - rank(b) || b.localeCompare(a));
}

/** Folder of the zeromq package, upwards from here: also inside a compiled executable. */
function packageFolder(): string {
  let folder = new URL(".", import.meta.url).pathname;
  for (let up = 0; up < 8; up++) {
    const path = `${folder}node_modules/zeromq`;
    if (exists(`${path}/package.json`) || exists(`${path}/build`)) return path;
    folder = new URL("..", `file://${folder}`).pathname;
  }
  return "node_modules/zeromq";
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * A file of the executable's own, as a real file: written once into a cache folder under its content's hash, since an embedded library
 * that is opened in place leaves a copy in the temp folder at every start.
 */
function extracted(path: string): string {
  const bytes = Deno.readFileSync(path);
  const folder = cacheFolder();
  const target = `${folder}/libzmq-${fingerprint(bytes)}.so`;
  if (exists(target)) return target;
  const part = `${target}.${Deno.pid}.part`;
  Deno.writeFileSync(part, bytes, { mode: 0o700 });
  Deno.renameSync(part, target);
  return target;
}

function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  const roots = [
    Deno.env.get("XDG_CACHE_HOME"),
    home === undefined ? undefined : `${home}/.cache`,
  ];
  for (const root of roots) {
    if (root === undefined || root === "") continue;
    try {
      Deno.mkdirSync(`${root}/tsparallel`, { recursive: true, mode: 0o700 });
      return `${root}/tsparallel`;
    } catch {
      // Not writable: the next.
    }
  }
  return Deno.makeTempDirSync({ prefix: "tsparallel-" });
}

/** 128 bits of FNV-1a in four lanes: names a file's content among our own files, no more. */
function fingerprint(bytes: Uint8Array): string {
  const lanes = new Uint32Array([0x811c9dc5, 0x01234567, 0x89abcdef, bytes.length]);
  for (let i = 0; i < bytes.length; i++) {
    const lane = i & 3;
    lanes[lane] = Math.imul(lanes[lane]! ^ bytes[i]!, 0x01000193);
  }
  return toHex(new Uint8Array(lanes.buffer));
}
