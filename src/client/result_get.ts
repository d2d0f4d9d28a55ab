/** Taking values out of a result, within a time. */
import { openText, type ResultLook } from "./result_look.ts";
import { waitFor } from "./result_wait.ts";
import { type WaitOptions, withinTime } from "./waiting.ts";

/** How long to wait for a value, and whether the first error is enough. */
export interface GetOptions extends WaitOptions {
  /** "first-error": reject with the first error and do not wait for the other tasks. Default "all". */
  readonly for?: "first-error" | "all" | undefined;
}

/** The value if it comes in time. @throws as `AsyncResult.get` */
export async function getWithin<V>(
  look: ResultLook,
  settled: () => Promise<V>,
  options: GetOptions,
): Promise<V> {
  const { for: what = "all" } = options;
  if (what !== "first-error") return await withinTime(settled(), options, () => openText(look));
  await waitFor(look, options);
  if (look.left() > 0) throw look.errorOf(firstFailed(look));
  return await settled();
}

function firstFailed(look: ResultLook): number {
  const failed = look.tasks().filter(({ index }) => look.errorOf(index) !== undefined);
  return failed.reduce((first, task) => task.received < first.received ? task : first).index;
}

/** How each task ended; all have. */
export function settledOf<T>(look: ResultLook): PromiseSettledResult<T>[] {
  return Array.from({ length: look.count }, (_, i) => {
    const reason = look.errorOf(i);
    return reason === undefined
      ? { status: "fulfilled", value: look.valueOf(i) as T }
      : { status: "rejected", reason };
  });
}

/** The values by engine. @throws RangeError if one engine ran several of the tasks, or it is not known which did */
export function byEngine<T>(look: ResultLook): Map<number, T> {
  const values = new Map<number, T>();
  for (const { engine, index } of look.tasks()) {
    if (engine < 0) {
      throw new RangeError(
        `Cannot order the values of "${look.what}" by engine: nobody told which ran task ${index}`,
      );
    }
    if (values.has(engine)) {
      throw new RangeError(
        `Cannot order the values of "${look.what}" by engine: engine ${engine} ran several of its tasks`,
      );
    }
    values.set(engine, look.valueOf(index) as T);
  }
  return values;
}
