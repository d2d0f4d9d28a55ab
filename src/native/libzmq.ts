/**
 * libzmq 4.3 by FFI: the one door to it. The library is the prebuilt file of the `zeromq` npm package, which exports the C API on Linux
 * and macOS; elsewhere, or to use another one, name a file in `TSPARALLEL_LIBZMQ`.
 *
 * In a compiled executable the file is embedded. Opened in place it would leave a copy in the temp folder at every start, so it is
 * extracted once into a cache folder under the hash of its content.
 */
import { nodeCrypto } from "../base/builtin.ts";
import { environmentIfGranted, isGranted } from "../base/runtime.ts";

const SYMBOLS = {
  zmq_version: { parameters: ["buffer", "buffer", "buffer"], result: "void" },
  zmq_has: { parameters: ["buffer"], result: "i32" },
  zmq_errno: { parameters: [], result: "i32" },
  zmq_strerror: { parameters: ["i32"], result: "pointer" },
  zmq_ctx_new: { parameters: [], result: "pointer" },
  zmq_ctx_set: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  zmq_ctx_term: { parameters: ["pointer"], result: "i32" },
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
  zmq_msg_copy: { parameters: ["buffer", "buffer"], result: "i32" },
  zmq_msg_data: { parameters: ["buffer"], result: "pointer" },
  zmq_msg_size: { parameters: ["buffer"], result: "usize" },
  zmq_msg_more: { parameters: ["buffer"], result: "i32" },
  zmq_msg_recv: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_send: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_gets: { parameters: ["buffer", "buffer"], result: "pointer" },
  zmq_msg_close: { parameters: ["buffer"], result: "i32" },
  zmq_poll: { parameters: ["buffer", "i32", "isize"], result: "i32" },
  poll_async: { name: "zmq_poll", parameters: ["buffer", "i32", "isize"], result: "i32", nonblocking: true },
  /** The system's own, found through the library's dependencies: of descriptors alone zmq_poll makes this call twice. */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", optional: true },
  system_poll_async: {
    name: "poll",
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  zmq_proxy: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  /** Runs until its control socket says so, on a native thread of its own. */
  proxy_async: {
    name: "zmq_proxy_steerable",
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  zmq_curve_keypair: { parameters: ["buffer", "buffer"], result: "i32" },
  zmq_curve_public: { parameters: ["buffer", "buffer"], result: "i32" },
  // The C library's, by which libzmq gets its memory (`malloc.ts`).
  mallopt: { parameters: ["i32", "i32"], result: "i32", optional: true },
  malloc_trim: { parameters: ["usize"], result: "i32", optional: true },
  /** For who may open this library and nothing else. */
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "void", optional: true },
  zmq_socket_monitor: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The C functions, typed. */
export type LibZmq = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Whether memory of C may be looked at in place, which a grant of single libraries does not allow. */
export const MAY_VIEW: boolean = isGranted({ name: "ffi" });

/** Copies as many bytes as the array has from where C keeps them. */
export function copyOut(zmq: LibZmq, from: Deno.PointerObject, into: Uint8Array<ArrayBuffer>): void {
  if (MAY_VIEW || zmq.memcpy === null) Deno.UnsafePointerView.copyInto(from, into);
  else zmq.memcpy(into, from, BigInt(into.length));
}

/** A library that is open. */
export interface OpenLibZmq {
  readonly symbols: LibZmq;
  /** What it was opened from. */
  readonly file: string;
  /** Like `4.3.5`. */
  readonly version: string;
}

/** Environment variable that names another library file. */
const VARIABLE = "TSPARALLEL_LIBZMQ";

/** The version that we know; later ones of the same interface will do. */
const WANTED = [4, 3, 5] as const;

/** The build that the package has for every processor and C library: tried first. */
const FAVOURITE = "-127-";

let opened: OpenLibZmq | undefined;

/**
 * Opens the library, once per thread.
 * @param file a library to use instead of the one found by itself
 * @throws Error naming all files that were looked for
 */
export function libzmq(file?: string): OpenLibZmq {
  if (opened !== undefined) return opened;
  const failures: string[] = [];
  for (const candidate of candidates(file)) {
    try {
      return opened = open(candidate);
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
      failures.push(`  ${candidate.file}: ${reason}`);
    }
  }
  throw new Error(
    `Cannot open libzmq; name a libzmq ${WANTED.join(".")} file in the environment variable ${VARIABLE}. ` +
      `Looked for:\n${failures.join("\n")}`,
  );
}

interface Candidate {
  readonly file: string;
  /** Whether it may lie inside the executable. */
  readonly isPackaged: boolean;
}

function open({ file, isPackaged }: Candidate): OpenLibZmq {
  const library = Deno.dlopen(isPackaged && Deno.build.standalone ? extracted(file) : file, SYMBOLS);
  const numbers = versionOf(library.symbols);
  const version = numbers.join(".");
  if (numbers[0] === WANTED[0] && numbers[1] === WANTED[1] && numbers[2]! >= WANTED[2]) {
    return { symbols: library.symbols, file, version };
  }
  library.close();
  throw new Error(`its version is ${version}`);
}

function versionOf(symbols: LibZmq): number[] {
  const numbers = new Int32Array(new ArrayBuffer(128), 0, 3);
  const part = (i: number) => new Uint8Array(numbers.buffer, i * 4, 4);
  symbols.zmq_version(part(0), part(1), part(2));
  return [...numbers];
}

function candidates(file: string | undefined): Candidate[] {
  const named = file ?? environmentIfGranted(VARIABLE);
  if (named !== undefined && named !== "") return [{ file: named, isPackaged: false }];
  const packaged = packagedFiles().map((file) => ({ file, isPackaged: true }));
  return [...packaged, { file: systemLibrary(), isPackaged: false }];
}

function systemLibrary(): string {
  if (Deno.build.os === "windows") return "libzmq.dll";
  return Deno.build.os === "darwin" ? "libzmq.5.dylib" : "libzmq.so.5";
}

/** The package's files for this machine, the likeliest first; if there are none, the pattern that was looked for. */
function packagedFiles(): string[] {
  const { os, arch } = Deno.build;
  const system = os === "windows" ? "win32" : os;
  const folder = `build/${system}/${arch === "aarch64" ? "arm64" : "x64"}/node`;
  const granted = grantedFiles(folder);
  const base = packageFolders(folder).find((path) => (granted.length === 0 || mayRead(path)) && exists(path));
  if (base === undefined) {
    return granted.length > 0 ? granted : [`node_modules/zeromq/${folder}/*/addon.node`];
  }
  const musl = isMusl();
  const rank = (name: string) =>
    (name.startsWith("musl-") === musl ? 0 : 2) + (name.includes(FAVOURITE) ? 0 : 1);
  return [...Deno.readDirSync(base)]
    .filter((entry) => entry.isDirectory && exists(`${base}/${entry.name}/addon.node`))
    .map((entry) => entry.name)
    .sort((a, b) => rank(a) - rank(b) || b.localeCompare(a))
    .map((name) => `${base}/${name}/addon.node`);
}

/** Where `folder` of the zeromq package may be: in a `node_modules` upwards from this file, which may lie inside an executable. */
function packageFolders(folder: string): string[] {
  const folders: string[] = [];
  for (let up = import.meta.dirname; up !== undefined; up = parentOf(up)) {
    folders.push(`${up}/node_modules/zeromq/${folder}`);
  }
  return folders;
}

/** A program that may not look what there is may still open what it was allowed to by name. */
function grantedFiles(folder: string): string[] {
  return packageFolders(folder)
    .flatMap((base) => ["glibc", "musl"].map((library) => `${base}/${library}${FAVOURITE}Release/addon.node`))
    .filter((path) => isGranted({ name: "ffi", path }));
}

function parentOf(folder: string): string | undefined {
  const end = Math.max(folder.lastIndexOf("/"), folder.lastIndexOf("\\"));
  return end < 0 ? undefined : folder.slice(0, end);
}

function isMusl(): boolean {
  return ["x86_64", "aarch64"].map((arch) => `/lib/ld-musl-${arch}.so.1`).some((path) =>
    mayRead(path) && exists(path)
  );
}

function mayRead(path: string): boolean {
  return isGranted({ name: "read", path });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A file of the executable's own as a real one, written once. Written aside and renamed, so that nobody ever opens half a file. */
function extracted(path: string): string {
  const bytes = Deno.readFileSync(path);
  const hash = nodeCrypto().createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const target = `${cacheFolder()}/libzmq-${hash}${Deno.build.os === "darwin" ? ".dylib" : ".so"}`;
  if (sizeOf(target) === bytes.length) return target;
  const part = `${target}.${crypto.randomUUID()}.part`;
  Deno.writeFileSync(part, bytes, { mode: 0o700, createNew: true });
  Deno.renameSync(part, target);
  return target;
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return -1;
  }
}

/** A folder of this user alone, the same one at every start where there is a home. */
function cacheFolder(): string {
  const home = Deno.env.get("HOME"), xdg = Deno.env.get("XDG_CACHE_HOME");
  for (const root of [xdg, home && `${home}/.cache`]) {
    if (root === undefined || root === "") continue;
    try {
      const folder = `${root}/tsparallel`;
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    } catch {
      // Not writable: the next one.
    }
  }
  return Deno.makeTempDirSync({ prefix: "tsparallel-" });
}
