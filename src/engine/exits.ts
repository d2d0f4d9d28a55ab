/**
 * What a task does to end the program ends the child with that very code: in a Worker the runtime would only end the Worker, and the process after
 * it with code 0, whatever was asked for.
 */

const { wait } = Atomics;
const { getOwnPropertyDescriptor, apply } = Reflect;
const { defineProperty } = Object;
/** How long the main thread may take to end the process, in ms. */
const PATIENCE_MS = 2000;

/** @param tell says the code to the main thread, which ends the process */
export function tellExits(tell: (code: number) => void): void {
  const still = new Int32Array(new SharedArrayBuffer(4));
  const { exit: original } = Deno;
  const exit = (code?: unknown): never => {
    const wanted = code === undefined || code === null ? Number(Deno.exitCode) : Number(code);
    tell(wanted | 0);
    wait(still, 0, 0, PATIENCE_MS);
    return original(wanted | 0);
  };
  replace(Deno, "exit", exit);
  // Node's own object is made when it is first asked for, which takes a while.
  const lazy = getOwnPropertyDescriptor(globalThis, "process")?.get;
  if (lazy === undefined) return;
  let isPatched = false;
  defineProperty(globalThis, "process", {
    configurable: true,
    enumerable: false,
    get: () => {
      const process = apply(lazy, globalThis, []) as { exit?: unknown };
      if (!isPatched && typeof process === "object") {
        isPatched = true;
        replace(process, "exit", exit);
        replace(process, "reallyExit", exit);
      }
      return process;
    },
  });
}

function replace(object: object, name: string, value: unknown): void {
  try {
    defineProperty(object, name, { value, writable: true, configurable: true, enumerable: true });
  } catch {
    // What cannot be replaced stays: then the end is told with code 0.
  }
}
