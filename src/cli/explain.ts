/**
 * `tsparallel explain`: what became of a task, and why, as a paragraph.
 */
import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import { CLIENT_OPTIONS } from "../client/options.ts";
import { readValue } from "../protocol/values.ts";
import { addExamples, addRunFlags, addTable, type Flags, openRun } from "./command.ts";
import { connect } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { type Explained, explanation } from "./explanation.ts";
import { interruptible } from "./interrupt.ts";

/** Fields of a record that are read here. */
const KEYS: readonly string[] = [
  "msg_id",
  "header",
  "metadata",
  "content",
  "submitted",
  "started",
  "completed",
  "engine_uuid",
  "queue",
  "label",
  "status",
  "result_content",
  "result_metadata",
  "stdout",
  "stderr",
  "sandbox",
  "permissions",
  "isolation",
  "post_mortem",
];

/** Gives the command its argument, options and action. */
export function defineExplain(command: Command): void {
  command.description(
    "Say what became of a task, and why: what it was, where it ran, how it ended, what to do.",
  );
  command.argument("<id>", "msg_id of a task, of any client");
  addRunFlags(command);
  addTable(command, CLIENT_OPTIONS);
  command.option("--json", "one JSON document");
  addExamples(command, ["tsparallel explain 4f0e…_1234_17"]);
  command.action(async (id: string, flags: Flags) => {
    const run = await openRun(flags);
    Deno.exitCode = await interruptible(async (signal) => {
      await using client = await connect(run, { flags, signal });
      const task = await explained(client, id, signal);
      console.log(flags["json"] === true ? JSON.stringify(task) : explanation(task, Date.now()));
      return EXIT.ok;
    });
  });
}

/** @throws Error if there is no record of it */
async function explained(client: Client, id: string, signal: AbortSignal): Promise<Explained> {
  const [record] = await client.query({ msg_id: id }, KEYS, { signal });
  if (record === undefined) {
    throw new Error(
      `Cannot explain "${id}": there is no record of such a task; its client may show another id, or the record was purged`,
    );
  }
  const { engines } = await client.status({ signal });
  return {
    record,
    code: await codeOf(client, id, record, signal),
    engines: Array.isArray(engines) ? engines : [],
  };
}

/** A function's name or the first line of its source, or of the code that was executed; null where it cannot be told. */
async function codeOf(
  client: Client,
  id: string,
  { content, header }: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<string | null> {
  const { code } = { ...content as object } as { code?: unknown };
  if (typeof code === "string") return firstLine(code);
  if ((header as { msg_type?: unknown } | null)?.msg_type !== "apply_request") return null;
  const [more] = await client.query({ msg_id: id }, ["buffers"], { signal });
  const { buffers } = { ...more } as { buffers?: unknown };
  const [definition] = Array.isArray(buffers) ? buffers : [];
  if (!(definition instanceof Uint8Array)) return null;
  try {
    const { name, source } = { ...readValue(definition, []) as object } as {
      name?: unknown;
      source?: unknown;
    };
    if (typeof name === "string" && name !== "") return name;
    return typeof source === "string" ? firstLine(source) : null;
  } catch {
    // A Python task's buffers are pickles.
    return null;
  }
}

function firstLine(code: string): string {
  const line = code.split("\n").map((text) => text.trim()).find((text) => text !== "") ?? "";
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}
