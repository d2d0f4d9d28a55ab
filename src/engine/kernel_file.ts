/**
 * A Jupyter kernel's connection file: which ports and key front-ends use. Where Jupyter starts the engine it has written the file itself; else
 * the engine writes it, and takes it away at its end.
 */
import * as v from "valibot";

/** The file's content; the names are Jupyter's. */
export interface KernelConnection {
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  readonly ip: string;
  readonly key: string;
  readonly transport: "tcp";
  readonly signature_scheme: "hmac-sha256";
  readonly kernel_name: string;
}

const port = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 0);
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost)$/;

const FILE = v.looseObject({
  shell_port: port,
  iopub_port: port,
  stdin_port: port,
  control_port: port,
  hb_port: port,
  ip: v.optional(
    v.pipe(v.string(), v.regex(LOOPBACK, "only this machine's loopback is served")),
    "127.0.0.1",
  ),
  key: v.pipe(v.string(), v.minLength(1, "a kernel without a key would run anybody's code")),
  transport: v.optional(v.literal("tcp"), "tcp"),
  signature_scheme: v.optional(v.literal("hmac-sha256"), "hmac-sha256"),
  kernel_name: v.optional(v.string(), ""),
});

/**
 * Reads the file that a launcher wrote, null if there is none.
 * @throws TypeError naming what is wrong with it
 */
export function readKernelFile(path: string): KernelConnection | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`"${path}" is no JSON`, { cause });
  }
  const result = v.safeParse(FILE, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new TypeError(`"${path}": field "${v.getDotPath(issue) ?? ""}": ${issue.message}`);
}

/** Writes the file so that nobody sees half of it, and nobody else reads it. */
export function writeKernelFile(path: string, connection: KernelConnection): void {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.writeTextFileSync(temporary, JSON.stringify(connection, null, 2) + "\n", {
      mode: 0o600,
      createNew: true,
    });
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeKernelFile(temporary);
    throw error;
  }
}

/** Harmless if there is none. */
export function removeKernelFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
