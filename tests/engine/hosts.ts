/**
 * Engine hosts as processes of their own, for tests.
 */
import { OP } from "../../src/protocol/groups.ts";
import { CARD, defined, FakeController, type Sent } from "./fake_controller.ts";

/** Ends a process for good, whatever the test did. */
export interface Host extends AsyncDisposable {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

export function startHost(fake: FakeController, options: Record<string, unknown> = {}): Host {
  const entry = new URL("host_process.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const text = JSON.stringify({ connection: fake.connection, spares: 0, ...options });
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", `--config=${config}`, entry, text],
    stdin: "null",
    stdout: "null",
    stderr: Deno.env.get("SHOW_LOGS") === "1" ? "inherit" : "null",
  }).spawn();
  let isOver = false;
  process.status.then(() => isOver = true);
  return {
    pid: process.pid,
    status: process.status,
    kill: (signal) => process.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!isOver) process.kill("SIGKILL");
      await process.status;
    },
  };
}

export const SETUP: readonly Sent[] = [
  { n: 0, op: OP.define, definition: 0, value: CARD },
  { n: 0, op: OP.define, definition: 1, value: defined("(x) => x + 1") },
  { n: 0, op: OP.define, definition: 2, value: defined("() => { for (;;); }") },
];
export const cell = (n: number, code: string, tail?: Sent["tail"]): Sent => ({
  n,
  op: OP.execute,
  value: { code, silent: true },
  ...(tail === undefined ? {} : { tail }),
});

/** A registered engine that knows a client and two functions. */
export async function registered(fake: FakeController, count = 1): Promise<string> {
  await fake.until("registration", () => fake.uuids.length === count && fake.pongs.size === count);
  const uuid = fake.uuids[0]!;
  await fake.schedule(uuid, SETUP);
  return uuid;
}

export async function test(
  options: Record<string, unknown>,
  body: (fake: FakeController, host: Host) => Promise<void>,
): Promise<void> {
  const fake = new FakeController();
  try {
    await using host = startHost(fake, options);
    await body(fake, host);
  } finally {
    fake.close();
  }
}

/** Process ids of a process's children. */
export function childrenOf(pid: number): number[] {
  return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
