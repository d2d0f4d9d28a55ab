/** A module that waits while it is evaluated. */
const started = await Promise.resolve(40);

export const plus = (x: number): number => {
  if (x > 100) throw new RangeError("too much"); // WAITED
  return started + x;
};
