/**
 * How much of a value can be shown: the runtime's own `inspect` follows every property down to its depth, and a few hundred of them a level,
 * shared or not, are more than it ever comes to the end of. So what it would show is counted before.
 */
import {
  defineProperty,
  getPrototypeOf,
  hasOwn,
  isArray,
  mapForEach,
  mapSize,
  setForEach,
  setSize,
  typedArrayName,
} from "../protocol/primordials.ts";
import { holds } from "../protocol/values_classify.ts";
import { hasMoreBits, SHOWN_BITS } from "../protocol/values_error.ts";

const { ownKeys, getOwnPropertyDescriptor } = Reflect;
const { create } = Object;
/** Items that are shown of an array, Map or Set. */
export const SHOWN_ITEMS = 100;
const MAX_PARTS = 50_000;
/** The keys of longer arrays are not looked at: most are indexes. */
const MAX_INDEXES = 10_000;

/** A BigInt whose digits would take long to find. */
export const HUGE = "huge";

/**
 * The deepest level at which not too much is shown, at most `deepest`; -1 if that is too much at the top already, HUGE if there is a BigInt
 * that cannot be shown.
 */
export function shownDepth(value: unknown, deepest: number): number | typeof HUGE {
  let shown = -1;
  for (let before = -1; shown < deepest;) {
    const counter = new Counter();
    counter.count(value, shown + 2);
    if (counter.left < 0) return shown;
    if (counter.isHuge) return HUGE;
    shown++;
    if (counter.left === before) return deepest;
    before = counter.left;
  }
  return shown;
}

class Counter {
  left = MAX_PARTS;
  isHuge = false;

  /** Counts a value and what is in it, so many levels down. */
  count(value: unknown, levels: number): void {
    if (--this.left < 0) return;
    if (typeof value === "bigint") this.isHuge ||= hasMoreBits(value, SHOWN_BITS);
    if (levels === 0 || value === null || typeof value !== "object" && typeof value !== "function") return;
    if (typedArrayName(value) !== undefined) return;
    if (isArray(value)) this.#items(value, levels);
    else if (holds(mapSize, value)) this.#entries(value, levels);
    else if (holds(setSize, value)) this.#members(value, levels);
    if (!isArray(value) || value.length <= MAX_INDEXES) this.#properties(value, levels);
  }

  #items(array: readonly unknown[], levels: number): void {
    for (let i = 0; i < array.length && i < SHOWN_ITEMS && this.left >= 0; i++) {
      this.#property(array, i, levels);
    }
  }

  #entries(map: object, levels: number): void {
    let taken = 0;
    mapForEach(map, (value, key) => {
      if (taken++ >= SHOWN_ITEMS || this.left < 0) return;
      this.count(key, levels - 1);
      this.count(value, levels - 1);
    });
  }

  #members(set: object, levels: number): void {
    let taken = 0;
    setForEach(set, (value) => {
      if (taken++ < SHOWN_ITEMS && this.left >= 0) this.count(value, levels - 1);
    });
  }

  #properties(object: object, levels: number): void {
    const names = ownKeys(object);
    if (!isArray(object) && names.length > this.left) this.left = -1;
    for (let i = isArray(object) ? object.length : 0; i < names.length && this.left >= 0; i++) {
      this.#property(object, names[i] as PropertyKey, levels);
    }
  }

  /** Getters are named when shown, and not asked. */
  #property(object: object, key: PropertyKey, levels: number): void {
    const own = getOwnPropertyDescriptor(object, key);
    if (own !== undefined && hasOwn(own, "value")) this.count(own.value, levels - 1);
  }
}

/** An object with the first properties of one that has too many, and how many are left out. */
export function firstProperties(value: object): { readonly part: object; readonly left: number } {
  const names = ownKeys(value);
  const part = create(getPrototypeOf(value)) as object;
  for (let i = 0; i < names.length && i < SHOWN_ITEMS; i++) {
    const own = getOwnPropertyDescriptor(value, names[i] as PropertyKey);
    if (own !== undefined) defineProperty(part, names[i] as PropertyKey, own);
  }
  return { part, left: names.length - SHOWN_ITEMS };
}
