/** A server of MongoDB's wire protocol for tests: the one that the tools' `batch/mongo.sh` starts, in a folder and on a port of its own. */

const tools = Deno.env.get("TSPARALLEL_TOOLS");

/** Whether there are no tools to start one with. */
export const isWithoutMongo = tools === undefined;

export class MongoServer implements Disposable {
  readonly url: string;
  readonly #folder = Deno.makeTempDirSync({ prefix: "tsp-mongo-" });
  readonly #port: number;
  static #shared: MongoServer | undefined;

  constructor() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#port = listener.addr.port;
    this.url = `mongodb://127.0.0.1:${this.#port}`;
  }

  /** One for all tests of this process; it ends with it. */
  static shared(): MongoServer {
    if (MongoServer.#shared) return MongoServer.#shared;
    const server = new MongoServer();
    server.start();
    globalThis.addEventListener("unload", () => server[Symbol.dispose]());
    return MongoServer.#shared = server;
  }

  start(): void {
    borrow(this.#folder);
    this.#run("start");
    lend(this.#folder);
  }

  /** Ends the server; what it holds is there again after the next start. */
  stop(): void {
    this.#run("stop");
  }

  [Symbol.dispose](): void {
    this.stop();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #run(what: "start" | "stop"): void {
    const { success, stdout, stderr } = new Deno.Command("bash", {
      args: [`${tools}/batch/mongo.sh`, what],
      env: { MONGO_STATE: this.#folder, MONGO_PORT: String(this.#port) },
      stdin: "null",
    }).outputSync();
    if (success) return;
    const text = new TextDecoder();
    throw new Error(`Cannot ${what} MongoDB's server: ${text.decode(stderr)}${text.decode(stdout)}`);
  }
}

/** What the server consists of: fetched and compiled once for all tests of this user, as that takes longer than they do. */
const PARTS = ["lib", "Mongod.class", "Mongod$1.class"];
const cache = `${Deno.env.get("TMPDIR") ?? "/tmp"}/tsparallel-mongo-${Deno.uid()}`;

function borrow(folder: string): void {
  if (!PARTS.every((part) => isThere(`${cache}/${part}`))) return;
  for (const part of PARTS) {
    if (!isThere(`${folder}/${part}`)) Deno.symlinkSync(`${cache}/${part}`, `${folder}/${part}`);
  }
}

function lend(folder: string): void {
  if (isThere(cache)) return;
  const copy = Deno.makeTempDirSync({ prefix: "tsp-mongo-" });
  const { success } = new Deno.Command("cp", {
    args: ["-r", ...PARTS.map((part) => `${folder}/${part}`), copy],
  }).outputSync();
  try {
    if (success) return Deno.renameSync(copy, cache);
  } catch {
    // Another test was faster.
  }
  Deno.removeSync(copy, { recursive: true });
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path) !== null;
  } catch {
    return false;
  }
}

let databases = 0;

/** A name that no other test of this process uses. */
export function freshDatabase(): string {
  return `test-${Deno.pid}-${++databases}`;
}
