/** What a task was asked with, as its metadata tells it: kept by reference with the view's options, read when somebody looks. */

/** A task that another waits for: a result, or a msg_id. */
type AskedTask = { readonly msgIds: readonly string[] } | string;

/** As `Dependency` of the views. */
type AskedDependency = AskedTask | readonly AskedTask[] | { readonly ids: readonly AskedTask[] };

/** The options of a view that its tasks' metadata shows. */
export interface Asked {
  readonly after?: AskedDependency | undefined;
  readonly follow?: AskedDependency | undefined;
  readonly priority?: number | undefined;
}

/** The msg_ids that a dependency names. */
export function dependencyIds(dependency: AskedDependency | undefined): readonly string[] {
  if (dependency === undefined) return [];
  if (typeof dependency === "object" && "ids" in dependency) return idsOf(dependency.ids);
  return idsOf(isList(dependency) ? dependency : [dependency]);
}

function isList(dependency: AskedTask | readonly AskedTask[]): dependency is readonly AskedTask[] {
  return Array.isArray(dependency);
}

function idsOf(tasks: readonly AskedTask[]): readonly string[] {
  return tasks.flatMap((task) => typeof task === "string" ? [task] : task.msgIds);
}
