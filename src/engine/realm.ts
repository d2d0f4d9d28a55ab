/**
 * Takes the runtime's back doors out of a realm before user code loads: internal operations and interfaces that ask for no
 * permission. Care, not a wall: the walls hold without it.
 */

import type { PermissionName } from "../protocol/permissions.ts";

/** The runtime's own maker of console objects. */
export type ConsoleMaker = new (print: (text: string, level: number) => void) => Record<string, unknown>;

/** Takes the runtime's Console class out of its internals. To be called before `closeBackDoors`. */
export function consoleMaker(): ConsoleMaker | undefined {
  const key: unknown = Reflect.get(Deno, "internal");
  const internals: unknown = typeof key === "symbol" ? Reflect.get(Deno, key) : undefined;
  const found: unknown = typeof internals === "object" && internals !== null &&
    Reflect.get(internals, "Console");
  return typeof found === "function" ? found as ConsoleMaker : undefined;
}

/** What tells a Proxy from other objects without touching it, from the runtime's internals. To be called before `closeBackDoors`. */
export function proxyTest(): (value: unknown) => boolean {
  const key: unknown = Reflect.get(Deno, "internal");
  const internals: unknown = typeof key === "symbol" ? Reflect.get(Deno, key) : undefined;
  const core: unknown = typeof internals === "object" && internals !== null && Reflect.get(internals, "core");
  const found: unknown = typeof core === "object" && core !== null && Reflect.get(core, "isProxy");
  // Without it every object may be one.
  return typeof found === "function"
    ? found as (value: unknown) => boolean
    : (value) => typeof value === "object" && value !== null || typeof value === "function";
}

/**
 * Must need nothing from outside itself: its text is also the first module of each nested Worker.
 */
export function closeBackDoors(): void {
  const drop = (object: object, key: PropertyKey) => {
    try {
      delete (object as Record<PropertyKey, unknown>)[key];
    } catch {
      // What cannot be deleted stays; it is no wall.
    }
  };
  const key: unknown = Reflect.get(Deno, "internal");
  if (typeof key === "symbol") drop(Deno, key);
  for (const name of ["internal", "openKv", "jupyter", "createHttpClient", "telemetry", "bundle"]) {
    drop(Deno, name);
  }
  for (const name of ["caches", "localStorage", "sessionStorage", "indexedDB", "GPU", "BroadcastChannel"]) {
    drop(globalThis, name);
  }
  drop(Object.getPrototypeOf(navigator), "gpu");
  // Raw bindings of Node's. Its half of the runtime is loaded when `process` is first looked at, which takes longer than all else here.
  const own = Object.getOwnPropertyDescriptor(globalThis, "process");
  const { getPrototypeOf, hasOwn, defineProperty } = Object, { apply } = Reflect;
  const withoutBindings = (process: object) => {
    for (let at: object | null = process; at !== null; at = getPrototypeOf(at)) {
      if (hasOwn(at, "binding")) drop(at, "binding");
      if (hasOwn(at, "_linkedBinding")) drop(at, "_linkedBinding");
    }
    return process;
  };
  if (typeof own?.value === "object" && own.value !== null) withoutBindings(own.value);
  if (own?.get !== undefined && own.configurable === true) {
    const { get } = own;
    defineProperty(globalThis, "process", { ...own, get: () => withoutBindings(apply(get, globalThis, [])) });
  }
  const Original = globalThis.Worker;
  if (Original === undefined) return;
  const text = `(${closeBackDoors.toString()})()`;
  const prelude = "data:text/javascript," + encodeURIComponent(text);
  const { stringify } = JSON,
    encode = encodeURIComponent,
    text_ = String,
    startsWith = String.prototype.startsWith;
  const call = Function.prototype.call.bind(startsWith) as (self: string, start: string) => boolean;
  const { construct } = Reflect;
  // Not a class that extends it: that would hand out the original.
  const wrapped = function Worker(specifier: string | URL, options?: WorkerOptions): object {
    const url = text_(specifier);
    const first = `import ${stringify(prelude)};import ${stringify(url)};`;
    const module = call(url, "data:") || call(url, "blob:") ? "data:text/javascript," + encode(first) : url;
    return construct(Original, [module, options], new.target ?? Original);
  };
  const fixed = { writable: true, enumerable: false, configurable: true };
  defineProperty(wrapped, "prototype", { value: Original.prototype, writable: false });
  defineProperty(Original.prototype, "constructor", { ...fixed, value: wrapped });
  defineProperty(globalThis, "Worker", { ...fixed, value: wrapped });
}

/** Whether this realm has none of these permissions as a whole. */
export function denoWallStands(closed: readonly PermissionName[]): boolean {
  return closed.every((name) => Deno.permissions.querySync({ name }).state !== "granted");
}
