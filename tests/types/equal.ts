/** For the files beside this one: whether two types are the same, and not only fit each other. */

/** `true` for the same type, and nothing that `true` fits for any others: `any` and `unknown` count as themselves. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : never;

/** Compiles only if the value has exactly this type: `same<number>()(await view.apply(f))`. */
export function same<Wanted>(): <Given>(
  value: Given,
  ..._same: Equal<Wanted, Given> extends true ? [] : [never]
) => void {
  return () => {};
}
