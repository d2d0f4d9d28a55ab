/** Functions of a user's module, for shipping_test.ts: what fails in them has to be found again here. */
interface Order {
  readonly count: number;
}

/** Fails two lines below. */
export function priced(order: Order, price: number): number {
  const total: number = order.count * price;
  if (total > 10) throw new RangeError(`too dear: ${total}`); // PRICED
  return total;
}

export const half = (x: number): number => {
  const y = x as unknown as { readonly missing: { readonly deep: number } };
  return y.missing.deep; // HALF
};
