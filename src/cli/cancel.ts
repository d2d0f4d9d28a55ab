/**
 * `tsparallel cancel`: stops tasks of any client by their msg_ids, in any state.
 */
import type { Command } from "commander";
import { CLIENT_OPTIONS } from "../client/options.ts";
import { addExamples, addRunFlags, addTable, type Flags, openRun, textFlag } from "./command.ts";
import { connect } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { interruptible } from "./interrupt.ts";
import { printable } from "./table_text.ts";

/** What a word of the hub's means for who asked. */
const MEANING: Readonly<Record<string, string>> = {
  cancelled: "cancelled: it had not begun",
  cancelling: "cancelling: its engine stops it now",
  asked: "asked: a Python engine drops it if it has not begun; what runs there cannot be stopped from here",
  "already finished": "already finished: nothing was done",
  "already cancelled": "already cancelled: nothing was done",
  "cannot be cancelled": "cannot be cancelled: the controller's scheme is pure, and nobody knows where it is",
  "not known": "not known to the schedulers or the records",
};

/** Gives the command its arguments, options and action. */
export function defineCancel(command: Command): void {
  command.description("Stop tasks, of any client, in any state. Others are not touched.");
  command.argument("<id...>", "msg_ids of tasks");
  addRunFlags(command);
  addTable(command, CLIENT_OPTIONS);
  command.option("--why <text>", "a reason, for its error and its record");
  command.option("--json", "one JSON document");
  addExamples(command, ["tsparallel cancel 4f0e…_1234_17", 'tsparallel cancel --why "wrong data" ID1 ID2']);
  command.action(async (ids: readonly string[], flags: Flags) => {
    const run = await openRun(flags);
    Deno.exitCode = await interruptible(async (signal) => {
      await using client = await connect(run, { flags, signal });
      const words = await client.cancel(ids, { why: textFlag(flags, "why"), signal });
      console.log(flags["json"] === true ? JSON.stringify(words) : cancelText(words));
      const isUnknown = Object.values(words).some((word) => /^(not known|cannot)/.test(word));
      return isUnknown ? EXIT.failed : EXIT.ok;
    });
  });
}

/** A line for each task. */
export function cancelText(words: Readonly<Record<string, string>>): string {
  return Object.entries(words).map(([id, word]) => `${printable(id)}  ${MEANING[word] ?? printable(word)}`)
    .join("\n");
}
