/** The options of a group's task: the JSON in its tail, held against what its client may ask for. */
import { beyondCap, type Sender } from "./gate.ts";
import { BadOption, isPlain, readTaskOptions, type TaskNames, type TaskOptions } from "./task_options.ts";

const decoder = new TextDecoder();

/** Null if they do not concern the scheduler. */
export function readTailOptions(
  tail: Uint8Array,
  names: TaskNames,
  sender: Sender,
): TaskOptions | null | BadOption {
  try {
    const value: unknown = JSON.parse(decoder.decode(tail));
    const options = readTaskOptions(value, names);
    const beyond = beyondCap(options.ask, sender);
    if (beyond !== null) return new BadOption(beyond, "PermissionDenied");
    return isPlain(options) ? null : options;
  } catch (error) {
    return error instanceof BadOption ? error : new BadOption(`Cannot read the task's options: ${error}`);
  }
}
