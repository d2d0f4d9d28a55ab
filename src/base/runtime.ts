/**
 * What the client asks of its host beside sockets, under Deno and under Node: with sockets (`client/deno_transport.ts`, `client/node_transport.ts`) all that
 * differs between them. Where a program may not ask, the answer is that nothing is known.
 */
import { hostname, networkInterfaces } from "node:os";
import process from "node:process";

/** Whether this program runs in Deno; else it is Node, or something that passes for it. */
export const IS_DENO: boolean = "Deno" in globalThis;

/**
 * The text of a file.
 * @throws Error of the runtime; `isMissing` tells whether there is none
 */
export function readTextFile(path: string): string {
  // In Deno node:fs is a module that takes 10 ms to load.
  return IS_DENO
    ? Deno.readTextFileSync(path)
    : process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
}

/** Whether an error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Whether this program may do something without asking its user; under Node it may. For what is of use and not needed. */
export function isGranted(what: Deno.PermissionDescriptor): boolean {
  return !IS_DENO || Deno.permissions.querySync(what).state === "granted";
}

/** An environment variable that may well be missing: undefined if it is not set, or would have to be asked for. */
export function environmentIfGranted(variable: string): string | undefined {
  return isGranted({ name: "env", variable }) ? process.env[variable] : undefined;
}

/** This host's name; undefined if this program may not know. */
export function hostNameIfGranted(): string | undefined {
  return isGranted({ name: "sys", kind: "hostname" }) ? hostname() : undefined;
}

/** Whether a name or an address is this host's own; undefined if this program may not know. */
export function isOwnHost(host: string): boolean | undefined {
  const own = hostNameIfGranted();
  if (own === host) return true;
  if (own === undefined || !isGranted({ name: "sys", kind: "networkInterfaces" })) return undefined;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host));
}
