// What piscina's threads run.
export const increment = (n) => n + 1;
export const echo = (text) => text;
export async function wait(seconds) {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return seconds;
}
