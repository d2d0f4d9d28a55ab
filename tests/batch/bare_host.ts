/** A host that has nothing of ours, by `bare_host.sh`; gone at the end of the test. */
import { dirname } from "node:path";
import { fileURLToPath as fromFileUrl } from "node:url";

const SCRIPT = fromFileUrl(new URL("./bare_host.sh", import.meta.url));
const REPOSITORY = fromFileUrl(new URL("../../", import.meta.url));

/** Why there can be none here; null if there can. */
export const MISSING_HOST: string | null = missing();

export class BareHost implements AsyncDisposable {
  private constructor(readonly name: string, readonly state: string, readonly subnet: string) {}

  static async start(): Promise<BareHost> {
    const state = Deno.makeTempDirSync({ prefix: "tsparallel-host-" });
    const host = new BareHost(`bare${Deno.pid}`, state, `10.78.${1 + Deno.pid % 250}`);
    const hidden = [Deno.env.get("HOME") ?? "/root", REPOSITORY, dirname(Deno.execPath())];
    await host.#script("start", host.subnet, ...hidden);
    return host;
  }

  /** This machine as the host sees it. */
  get here(): string {
    return `${this.subnet}.1`;
  }

  /** ssh or scp with the flags that know the host. */
  command(name: "ssh" | "scp"): string {
    return `${name} -F ${this.state}/ssh_config`;
  }

  /** What a command prints there. */
  async run(command: string): Promise<string> {
    return await output("ssh", "-F", `${this.state}/ssh_config`, "-o", "BatchMode=yes", this.name, command);
  }

  async #script(what: "start" | "stop", ...args: string[]): Promise<void> {
    await output("bash", SCRIPT, what, this.state, this.name, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#script("stop");
    await Deno.remove(this.state, { recursive: true });
  }
}

async function output(command: string, ...args: string[]): Promise<string> {
  // Whatever goes on running there keeps no pipe of ours open.
  const file = Deno.makeTempFileSync();
  try {
    const shell = ["-c", 'exec "$@" > "$0" 2>&1', file, command, ...args];
    const { code } = await new Deno.Command("sh", { args: shell, stdin: "null" }).spawn().status;
    const text = Deno.readTextFileSync(file).trim();
    if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${code}: ${text}`);
    return text;
  } finally {
    Deno.removeSync(file);
  }
}

function missing(): string | null {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "root on Linux";
  for (const command of ["sshd", "ssh", "ip", "unshare"]) {
    if (!["/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((folder) => isThere(`${folder}/${command}`))) {
      return command;
    }
  }
  return null;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
