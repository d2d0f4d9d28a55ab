/**
 * The views of a view's tasks: what a task asks for itself goes over what the view asks. Worked out once for each view and task.
 */
import type { Reference } from "./reference.ts";
import { askedOf, type AskedOptions, type Runnable } from "./task.ts";
import type { BalancedOptions, TaskLimits } from "./view_options.ts";

export class TaskViews<V> {
  readonly #make: (asked: BalancedOptions) => V;
  readonly #options: BalancedOptions;
  #views: WeakMap<AskedOptions, V> | undefined;

  /** @param make the view with these options */
  constructor(options: BalancedOptions, make: (options: BalancedOptions) => V) {
    this.#options = options;
    this.#make = make;
  }

  /**
   * The view for this function; undefined if it asks for nothing itself.
   * @throws RangeError or TypeError naming an option of the task that cannot be used
   */
  of(run: Runnable<never[], unknown> | Reference | null): V | undefined {
    const asked = askedOf(run);
    if (asked === undefined) return undefined;
    const views = this.#views ??= new WeakMap();
    let view = views.get(asked);
    if (view === undefined) views.set(asked, view = this.#make(over(this.#options, asked)));
    return view;
  }
}

/** The options of a view with those of a task over them. */
function over(view: BalancedOptions, asked: AskedOptions): BalancedOptions {
  const { namespace: _, schema: __, limits, ...own } = asked;
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  const both: TaskLimits = { ...view.limits, ...limits };
  return {
    ...view,
    ...Object.fromEntries(given),
    ...(Object.keys(both).length === 0 ? {} : { limits: both }),
  };
}
