/**
 * Flags that neither we nor ipyparallel's programs know. Those programs warn of them and go on, and so does what stands in for them: launchers
 * of other versions pass what we never heard of. What is a slip of one of our own flags is left to be refused.
 */
import type { Command } from "commander";
import { nearest } from "../base/options.ts";

/** Arguments without the unknown flags and their values, and the names of these. */
export interface KnownArguments {
  readonly args: readonly string[];
  readonly unknown: readonly string[];
}

/** Takes unknown flags out of a command's arguments. */
export function withoutUnknown(args: readonly string[], command: Pick<Command, "options">): KnownArguments {
  const takesValue = new Map<string, boolean>([["--help", false], ["-h", false]]);
  for (const { long, short, required } of command.options) {
    for (const flag of [long, short]) if (typeof flag === "string") takesValue.set(flag, required);
  }
  const kept: string[] = [], unknown: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--") return { args: [...kept, ...args.slice(at)], unknown };
    const flag = word.split("=", 1)[0]!;
    const hasNext = flag === word && at + 1 < args.length && !args[at + 1]!.startsWith("--");
    if (!flag.startsWith("--") || takesValue.has(flag) || isSlip(flag, command)) {
      kept.push(word);
      if (takesValue.get(flag) === true && hasNext) kept.push(args[++at]!);
    } else {
      unknown.push(flag);
      if (hasNext) at++;
    }
  }
  return { args: kept, unknown };
}

/** Whether a flag is one of ours with a letter or two wrong. */
function isSlip(flag: string, { options }: Pick<Command, "options">): boolean {
  const own = options.flatMap(({ long, hidden }) => typeof long !== "string" || hidden ? [] : [long]);
  return nearest(flag, own, flag.length > 7 ? 2 : 1) !== undefined;
}
