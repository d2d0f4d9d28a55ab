/** What `work.ts` imports. */
export interface Depth {
  readonly text: string;
}

export function deep(times: number, { text }: Depth): string {
  if (times < 0) throw new RangeError(`no ${times} times`); // DEEP
  return text.repeat(times);
}
