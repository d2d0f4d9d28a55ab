/** Where the user's program calls the client: frames of a stack that are not the client's own. */

/** Frames that are kept. */
const KEPT = 4;
/** Frames that are looked at: views, maps and proxies stand between. */
const DEPTH = 24;
/** The folder (in a package: of the bundle) that the client's own modules are in. */
const OWN = new URL(".", import.meta.url).href;

/** Places from which the client was called, the innermost first: `file:///home/a/run.ts:3:14`. */
export function callFrames(): readonly string[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = before;
  return framesOf(stack).filter((place) => !place.startsWith(OWN)).slice(0, KEPT);
}

/** The places of a stack's frames. */
export function framesOf(stack: string): string[] {
  const places: string[] = [];
  for (const line of stack.split("\n")) {
    const place = /^\s*at (?:.*\()?((?:file|https?|data|blob):[^()]*:\d+:\d+|\/[^()]*:\d+:\d+)\)?$/.exec(line)
      ?.[1];
    if (place !== undefined) places.push(place.startsWith("/") ? `file://${place}` : place);
  }
  return places;
}
