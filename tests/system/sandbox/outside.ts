/**
 * What stands outside of a slot for ways to reach: servers in a thread of their own (the test that drives slots blocks its own), counted;
 * a process; folders made anew for each attempt.
 */

import { closeFd } from "../../../src/native/libc.ts";

/** What the thread tells once it listens. */
export interface Ports {
  readonly tcp: number;
  readonly http: number;
  readonly udp: number;
  readonly dns: number;
}

/** What a way is given. */
export interface Targets extends Ports {
  /** A folder of its own: `file`, `empty`, `link` (leads out, to `secret`), `way` (a folder that leads out), `sub`, modules, `security`. */
  readonly folder: string;
  readonly file: string;
  /** A path inside the folder where nothing is. */
  readonly fresh: string;
  /** A file outside of it. */
  readonly secret: string;
  readonly socket: string;
  /** Bytes of an abstract socket's name. */
  readonly abstract: readonly number[];
  readonly host: number;
  readonly victim: number;
  /** The host's descriptors of the slot's memory and of its end of fd 1. */
  readonly ring: number;
  readonly bell: number;
}

/** Everything that ways try to reach. */
export class Outside implements Disposable {
  readonly base = Deno.makeTempDirSync({ prefix: "sandbox-" });
  readonly #victim = new Deno.Command("/bin/sleep", {
    args: ["1000"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  readonly #thread: Worker;
  readonly #hits = new Int32Array(new SharedArrayBuffer(4));
  readonly #abstract: number;
  #count = 0;

  private constructor(
    thread: Worker,
    hits: Int32Array<SharedArrayBuffer>,
    readonly ports: Ports,
    readonly socket: string,
  ) {
    this.#thread = thread;
    this.#hits = hits;
    this.#abstract = listenAbstract(ABSTRACT);
    this.#victim.unref();
    for (const name of ["outside", "ways", "granted"]) Deno.mkdirSync(`${this.base}/${name}`);
    Deno.writeTextFileSync(`${this.base}/outside/secret`, "secret");
  }

  static async open(): Promise<Outside> {
    const thread = new Worker(import.meta.resolve("./outside_thread.ts"), { type: "module" });
    const hits = new Int32Array(new SharedArrayBuffer(4));
    const socket = `${Deno.makeTempDirSync({ prefix: "sandbox-" })}/socket`;
    const told = Promise.withResolvers<Ports>();
    thread.onmessage = ({ data }) => told.resolve(data);
    thread.postMessage({ hits, socket });
    return new Outside(thread, hits, await told.promise, socket);
  }

  /** Where the folders for attempts are. */
  get folders(): string {
    return `${this.base}/ways`;
  }

  /** A folder that may be granted, in which no way is tried. */
  get granted(): string {
    return `${this.base}/granted`;
  }

  /** How often anything reached a server so far. */
  get hits(): number {
    return Atomics.load(this.#hits, 0);
  }

  get victim(): number {
    return this.#victim.pid;
  }

  /** Whether the neighbour runs as before. */
  get isVictimWell(): boolean {
    return /^State:\t[SR]/m.test(Deno.readTextFileSync(`/proc/${this.victim}/status`));
  }

  /** A folder for one attempt. */
  targets(): Targets {
    const folder = `${this.folders}/${++this.#count}`;
    for (const name of ["", "/sub", "/security"]) Deno.mkdirSync(folder + name, { mode: 0o700 });
    for (const [name, text] of Object.entries(CONTENTS)) Deno.writeTextFileSync(`${folder}/${name}`, text);
    Deno.symlinkSync(`${this.base}/outside/secret`, `${folder}/link`);
    Deno.symlinkSync(`${this.base}/outside`, `${folder}/way`);
    return {
      ...this.ports,
      folder,
      file: `${folder}/file`,
      fresh: `${folder}/fresh`,
      secret: `${this.base}/outside/secret`,
      socket: this.socket,
      abstract: [...ABSTRACT],
      host: Deno.pid,
      victim: this.victim,
      ring: 0,
      bell: 0,
    };
  }

  [Symbol.dispose](): void {
    this.#thread.terminate();
    closeFd(this.#abstract);
    unlinkQueue(ABSTRACT);
    this.#victim.kill("SIGKILL");
    Deno.removeSync(this.base, { recursive: true });
    Deno.removeSync(this.socket.replace(/\/socket$/, ""), { recursive: true });
  }
}

const ABSTRACT = new TextEncoder().encode(`sandbox-way-${Deno.pid}`);

/** A Unix socket with a name and no path, which Deno cannot make: its descriptor. */
function listenAbstract(name: Uint8Array): number {
  const address = new Uint8Array([1, 0, 0, ...name]);
  const library = Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    listen: { parameters: ["i32", "i32"], result: "i32" },
  });
  const { socket, bind, listen } = library.symbols;
  const fd = socket(1, 0o2000001, 0);
  if (bind(fd, address, address.length) < 0 || listen(fd, 5) < 0) throw new Error("Cannot listen");
  library.close();
  return fd;
}

/** Removes the message queue of this name, if a way has left one: it would outlive everything. */
function unlinkQueue(name: Uint8Array): void {
  const library = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "buffer"], result: "i64" },
  });
  if (Deno.build.arch === "x86_64") library.symbols.syscall(241n, new Uint8Array([...name, 0]));
  library.close();
}

const CONTENTS: Readonly<Record<string, string>> = {
  "file": "secret",
  "empty": "",
  "env": "WAY=secret\n",
  "data.json": `{"key":"secret"}`,
  "module.mjs": `export default "secret";`,
  "worker.mjs": `postMessage("secret");`,
  "module.js": `module.exports = "secret";`,
  "module.cjs": `module.exports = "secret";`,
  "typed.ts": `export default "secret" as string;`,
  "sub/file": "secret",
  "security/ipcontroller-engine.json": `{"key":"secret"}`,
};

/** What can be seen of a folder from outside: names, modes, times, contents. */
export function fingerprint(folder: string): string {
  const lines: string[] = [];
  const walk = (path: string) => {
    const { mode, mtime, uid, gid, isDirectory, isFile, isSymlink } = Deno.lstatSync(path);
    const text = isFile ? Deno.readTextFileSync(path) : isSymlink ? Deno.readLinkSync(path) : "";
    lines.push([path, mode, mtime?.getTime(), uid, gid, text].join(" "));
    if (!isDirectory) return;
    for (const { name } of [...Deno.readDirSync(path)].toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      walk(`${path}/${name}`);
    }
  };
  walk(folder);
  return lines.join("\n");
}
