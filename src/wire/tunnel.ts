/**
 * Tunnels by the system's own ssh, with the user's config, agent and jump hosts: ports of this machine's loopback that lead to addresses as an SSH server sees them.
 *
 * One ssh carries all of a party's ports. It ends with this process, however that ends. A tunnel that breaks is told of and not made again: what was under way in it
 * is lost, and only who had sent it can say what that means.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import process from "node:process";
import { explainSsh, wordsOf } from "../base/ssh.ts";

/** Where a tunnel is to lead. */
export interface TunnelRequest {
  /** `[user@]host[:port]`, or a name of the user's ssh config. */
  readonly server: string;
  /** ssh with its flags. Default `ssh`. */
  readonly command?: string | undefined;
  /** File of a private key. Default: what ssh tries by itself. */
  readonly keyFile?: string | undefined;
  /** As the server sees it. */
  readonly host: string;
  /** Ports of that host; each gets one here. */
  readonly ports: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** An open tunnel. */
export interface Tunnel {
  /** Port there → port of this machine's loopback. */
  readonly ports: ReadonlyMap<number, number>;
  /** Settles with a sentence when it has ended by itself; never after `close`. */
  readonly broken: Promise<string>;
  /** Ends it. Harmless twice. */
  close(): Promise<void>;
}

/** Printed by ssh on this side, once it listens. */
const READY = "tunnel-is-open";
/** Another program may take a port between our look and ssh's. */
const TRIES = 3;
const LAST_WORDS = 4000;

/**
 * Opens a tunnel.
 * @throws Error in ssh's own words; nothing is left running
 */
export async function openTunnel(request: TunnelRequest): Promise<Tunnel> {
  const line = commandOf(request);
  for (let tries = 1;; tries++) {
    const ports = new Map<number, number>();
    const free = await freePorts(request.ports.length);
    request.ports.forEach((port, at) => ports.set(port, free[at] ?? 0));
    const ssh = new SshProcess([...line, ...forwards(request.host, ports), destination(request.server)]);
    const ended = await firstOf(ssh, request.signal);
    if (ended === null) return ssh.tunnel(ports, request.server);
    await ssh.close();
    request.signal?.throwIfAborted();
    if (tries < TRIES && /Address already in use|cannot listen/i.test(ended)) continue;
    throw new Error(`Cannot open an SSH tunnel through "${request.server}": ${explainSsh(ended)}`);
  }
}

/** ssh with the flags that make it a tunnel and nothing else; the user's own go first, since ssh takes the first of each. */
function commandOf({ server, command = "ssh", keyFile }: TunnelRequest): string[] {
  const port = parts(server).port;
  return [
    ...wordsOf(command),
    ...["-N", "-T", "-S", "none"],
    ...["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "ExitOnForwardFailure=yes"].flatMap((
      option,
    ) => ["-o", option]),
    ...["-o", "PermitLocalCommand=yes", "-o", `LocalCommand=echo ${READY}`],
    ...(port === undefined ? [] : ["-p", port]),
    ...(keyFile === undefined ? [] : ["-i", keyFile]),
  ];
}

function forwards(host: string, ports: ReadonlyMap<number, number>): string[] {
  const to = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return [...ports].flatMap(([there, here]) => ["-L", `127.0.0.1:${here}:${to}:${there}`]);
}

function destination(server: string): string {
  const { user, host } = parts(server);
  return `${user ?? ""}${host}`;
}

/** @throws TypeError for what is no server; a name that begins with a dash would be a flag of ssh's */
function parts(server: string): { readonly user?: string; readonly host: string; readonly port?: string } {
  const [, user, host, port] = /^([^@\s:]+@)?(\[[^\]\s]+\]|[^@\s:]+)(?::(\d+))?$/.exec(server) ?? [];
  if (host === undefined || server.startsWith("-")) {
    throw new TypeError(`Cannot use "${server}" as an SSH server: it takes [user@]host[:port]`);
  }
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return { ...(user === undefined ? {} : { user }), host: bare, ...(port === undefined ? {} : { port }) };
}

/** The host of `[user@]host[:port]`. */
export function serverHost(server: string): string {
  return parts(server).host;
}

/**
 * Runs ssh, and ends it when the pipe from this process closes, which it does with the process, even one that is killed. Its words go where they would;
 * a session of its own keeps Ctrl-C for us, who end it in order.
 */
const GUARD = `exec 3<&0
"$@" < /dev/null 3<&- & S=$!
{ read -r _; kill $S; } <&3 > /dev/null 2>&1 & W=$!
exec 3<&-
wait $S; C=$?; kill $W 2> /dev/null; exit $C`;

class SshProcess {
  /** Null when it listens. */
  readonly ready: Promise<null>;
  /** What it said last. */
  readonly ended: Promise<string>;
  readonly #child;
  #isClosing = false;

  constructor(words: readonly string[]) {
    const [command = "", ...args] = process.platform === "win32"
      ? words
      : ["/bin/sh", "-c", GUARD, "sh", ...words];
    const child = spawn(command, args, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    let said = "", printed = "";
    this.ready = new Promise((resolve) => {
      child.stdout.on("data", (bytes) => {
        printed = `${printed}${bytes}`.slice(-LAST_WORDS);
        if (printed.includes(READY)) resolve(null);
      });
    });
    child.stderr.on("data", (bytes) => said = `${said}${bytes}`.slice(-LAST_WORDS));
    child.stdin.on("error", () => {});
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code) => resolve(oneLine(said) || `nothing, and ended with code ${code}`));
    });
  }

  tunnel(ports: ReadonlyMap<number, number>, server: string): Tunnel {
    const broken = new Promise<string>((resolve) => {
      void this.ended.then((words) => {
        if (!this.#isClosing) resolve(`The SSH tunnel through "${server}" has ended: ${explainSsh(words)}`);
      });
    });
    return { ports, broken, close: () => this.close() };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#child.stdin.end();
    if (process.platform === "win32") this.#child.kill();
    await this.ended;
  }
}

function oneLine(text: string): string {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("; ");
}

/** Null when ssh listens; its words when it has ended; whatever when the signal comes, which is not listened to any longer: that could keep the program alive. */
async function firstOf(ssh: SshProcess, signal: AbortSignal | undefined): Promise<string | null> {
  const aborted = Promise.withResolvers<string>(), abort = () => aborted.resolve("");
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([ssh.ready, ssh.ended, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** So many ports of the loopback that nobody has at this moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listening() {
  return new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
