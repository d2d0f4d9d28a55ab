/** What `work.ts` imports when it is called. */
export const lazily = (x: number): number => x + 1;
