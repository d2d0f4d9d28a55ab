/** Installs the peers at their pinned versions into a folder, each by itself, so that one that cannot be had does not take the others along. */

import { fileURLToPath } from "node:url";

export const PEERS = ["ipyparallel", "dask", "ray", "piscina"] as const;
export type PeerName = typeof PEERS[number];

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const PACKAGES: Readonly<Record<Exclude<PeerName, "piscina">, readonly string[]>> = {
  ipyparallel: ["ipyparallel", "ipykernel", "jupyter-client", "pyzmq", "numpy"],
  dask: ["dask", "distributed", "numpy"],
  ray: ["ray", "numpy"],
};

/** Command and arguments that start a peer's program, installed before unless the folder says that it was. */
export async function installed(peer: PeerName, folder: string): Promise<readonly [string, ...string[]]> {
  const pins = peer === "piscina" ? here("package.json") : here("requirements.txt");
  const wanted = await Deno.readTextFile(pins), mark = `${folder}/${peer}.installed`;
  const found = await Deno.readTextFile(mark).catch(() => "");
  if (found !== wanted) {
    await (peer === "piscina" ? installPiscina(`${folder}/node`) : installPython(peer, `${folder}/python`));
    await Deno.writeTextFile(mark, wanted);
  }
  return peer === "piscina"
    ? ["node", here("piscina_peer.mjs"), `${folder}/node`]
    : [`${folder}/python/bin/python`, "-u", here("python_peer.py"), peer];
}

async function installPython(peer: keyof typeof PACKAGES, folder: string): Promise<void> {
  const python = `${folder}/bin/python`;
  await run("python3", ["-m", "venv", folder]);
  const quiet = ["--quiet", "--disable-pip-version-check"];
  await run(python, ["-m", "pip", "install", ...quiet, "-c", here("requirements.txt"), ...PACKAGES[peer]]);
}

async function installPiscina(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(here("package.json"), `${folder}/package.json`);
  await run("npm", ["install", "--prefix", folder, "--silent", "--no-audit", "--no-fund"]);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { code, stderr } = await child.output();
  if (code === 0) return;
  const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(`Cannot install: "${command} ${args[0]} …" gave ${code}: ${said}`);
}
