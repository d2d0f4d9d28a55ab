/** What tasks with a schema need at a call. The others pass through as they are. */
import { checkedArgs, CheckedOwner } from "./standard_schema.ts";
import { askedOf, type Runnable, type Task } from "./task.ts";
import type { TaskOwner } from "./task_state.ts";

/** The arguments as they are sent. @throws SchemaError, or TypeError if the schema is asynchronous */
export function argsFor(run: Runnable<never[], unknown>, args: unknown[]): unknown[] {
  const schema = askedOf(run)?.schema;
  return schema?.args === undefined ? args : checkedArgs(schema, nameOf(run), args);
}

/**
 * Who gets the results of a function.
 * @param isList whether each task has a list of results
 */
export function ownerFor(
  run: Runnable<never[], unknown> | null,
  owner: TaskOwner,
  isList = false,
): TaskOwner {
  const schema = askedOf(run)?.schema?.result;
  return schema === undefined || run === null ? owner : new CheckedOwner(owner, schema, nameOf(run), isList);
}

function nameOf(run: Runnable<never[], unknown>): string {
  return (run as Task<never[], unknown>).name;
}
