/**
 * What stands outside of a slot for ways to reach: servers in a thread of their own (the test that drives slots blocks its own), counted;
 * a process; folders made anew for each attempt.
 */

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
  readonly #victim = new Deno.Command("/bin/sleep", { args: ["1000"], stdin: "null" }).spawn();
  readonly #thread: Worker;
  readonly #hits = new Int32Array(new SharedArrayBuffer(4));
  #count = 0;

  private constructor(thread: Worker, hits: Int32Array<SharedArrayBuffer>, readonly ports: Ports, readonly socket: string) {
    this.#thread = thread;
    this.#hits = hits;
    this.#victim.unref();
    Deno.mkdirSync(`${this.base}/outside`);
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
    const folder = `${this.base}/${++this.#count}`;
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
      abstract: [...new TextEncoder().encode("sandbox-way")],
      host: Deno.pid,
      victim: this.victim,
      ring: 0,
      bell: 0,
    };
  }

  [Symbol.dispose](): void {
    this.#thread.terminate();
    this.#victim.kill("SIGKILL");
    Deno.removeSync(this.base, { recursive: true });
    Deno.removeSync(this.socket.replace(/\/socket$/, ""), { recursive: true });
  }
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
