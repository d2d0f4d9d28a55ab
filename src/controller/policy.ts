/** The controller's policy out of its profile, or out of a file of its own. */
import { resolve } from "node:path";
import { parseJsonc } from "../base/jsonc.ts";
import { type DataOrPath, OptionError } from "../base/options.ts";
import { Policy } from "../protocol/policy.ts";

/**
 * The policy, or null where there is none and nobody is capped.
 * @param scheme how tasks get their engine
 * @param own the controller's public CURVE key, "" without CURVE
 * @throws OptionError naming the file or key, with a sentence
 */
export function policyOf(given: DataOrPath | null, own: string, scheme: string): Policy | null {
  if (given === null) return null;
  if (scheme === "pure") {
    throw new OptionError(
      `Cannot use "--policy" with the scheme "pure": libzmq's proxy passes on tasks unseen`,
    );
  }
  try {
    return typeof given === "string"
      ? new Policy(readFile(resolve(given)), own, given)
      : new Policy(given, own, "controller.policy");
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) throw new OptionError(error.message);
    throw error;
  }
}

function readFile(path: string): unknown {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot read "${path}", which "--policy" names: ${why}`);
  }
  return parseJsonc(text, path);
}
