/**
 * What the kernel's walls leave open of the network for the places that a grant names: ports, since the kernel knows no hosts.
 */
import type { Values } from "../protocol/permissions.ts";

export interface NetPlan {
  /** Whether sockets are open at all. */
  readonly isOpen: boolean;
  readonly ports: true | readonly number[];
  /** Whether names are looked up. */
  readonly needsNames: boolean;
  /** Whether Unix sockets are among the places. */
  readonly hasUnix: boolean;
  /** Whether other virtual machines are. */
  readonly hasMachines: boolean;
}

/** What the C library and Deno read to find the address of a name. Those that are links need their targets, which they lead to here. */
const RESOLVER_FILES = [
  ...["resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf", "services", "protocols", "networks"]
    .map((name) => `/etc/${name}`),
  "/etc/ld.so.cache",
];

/** Where the C library's modules for other ways than files and DNS are. */
const MODULE_FOLDERS = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].flatMap((folder) => [
  folder,
  `${folder}/${Deno.build.arch}-linux-gnu`,
]);

/** Everything that is read to look a name up, as it is there now. */
export function resolverFiles(): string[] {
  const modules = MODULE_FOLDERS.flatMap((folder) =>
    namesIn(folder).filter((name) => /^lib(nss_|resolv)/.test(name)).map((name) => `${folder}/${name}`)
  );
  return [...RESOLVER_FILES, ...modules];
}

function namesIn(folder: string): string[] {
  try {
    // Through links to the same folder nothing new is found.
    return Deno.realPathSync(folder) === folder ? [...Deno.readDirSync(folder)].map(({ name }) => name) : [];
  } catch {
    return [];
  }
}

const ADDRESS = /^(\[.*\]|\d+\.\d+\.\d+\.\d+(\/\d+)?)(:\d+)?$/;

/** The plan for `net` and for the places that modules are imported from. What it opens beyond them goes into `excess`. */
export function netPlan(net: Values, remote: Values, knowsPorts: boolean, excess: string[]): NetPlan {
  const places = net === true || remote === true ? true : [...net, ...remote];
  if (places === true) {
    if (net !== true) excess.push("TCP and UDP to any host and port, to import");
    return { isOpen: true, ports: true, needsNames: true, hasUnix: net === true, hasMachines: net === true };
  }
  const hosts = places.filter((place) => !/^(unix|vsock):/.test(place));
  const hasUnix = places.some((place) => place.startsWith("unix:"));
  const hasMachines = places.some((place) => place.startsWith("vsock:"));
  if (hasMachines) excess.push("vsock to any address");
  if (hosts.length === 0) return { isOpen: false, ports: [], needsNames: false, hasUnix, hasMachines };
  const found = hosts.map(portOf);
  const ports = [...new Set(found.filter((port) => port !== undefined))];
  const isAnyPort = ports.length < new Set(found).size || !knowsPorts;
  excess.push(
    isAnyPort ? "TCP to any host and port" : `TCP to any host at port ${ports.join(", ")}`,
    "UDP to any host and port",
  );
  return {
    isOpen: true,
    ports: isAnyPort ? true : ports,
    needsNames: hosts.some((host) => !ADDRESS.test(host)),
    hasUnix,
    hasMachines,
  };
}

/** Modules are imported by https where no port is said, and by http. */
function portOf(place: string): number | undefined {
  const found = /^(?:\[[^\]]*\]|[^:]*):(\d+)$/.exec(place);
  return found === null ? undefined : Number(found[1]);
}
