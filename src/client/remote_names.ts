/**
 * Names on the engines as properties: `await view.names.a`. Each look is a `pull` of its own. Properties cannot be set with waiting, so setting is a
 * call: `view.set("a", 1)`.
 */
import type { AsyncResult, Shape } from "./async_result.ts";

/** Names in the engines' namespaces, with the types that the user says they have. */
export type RemoteNames<S extends Shape, T extends object = Record<string, unknown>> = {
  readonly [K in keyof T & string]: AsyncResult<T[K], S>;
};

/** What is asked of the engines once a name is looked at. */
export type PullName<S extends Shape> = (name: string) => AsyncResult<unknown, S>;

/** The proxy. Its `then` is none, so that who awaits it by mistake gets the proxy and asks no engine. */
export function remoteNames<S extends Shape, T extends object>(pull: PullName<S>): RemoteNames<S, T> {
  const handler: ProxyHandler<Record<string, never>> = {
    get: (_, name) => typeof name === "symbol" || name === "then" ? undefined : pull(name),
    set: (_, name) => refuse(`set "${String(name)}"`, `await view.set("${String(name)}", value)`),
    deleteProperty: (_, name) => refuse(`delete "${String(name)}"`, "execute or clear"),
    has: (_, name) => refuse(`tell whether "${String(name)}" is there`, "await view.get(name)"),
    ownKeys: () => refuse("list the names", "await view.execute(...)"),
  };
  return new Proxy<Record<string, never>>({}, handler) as unknown as RemoteNames<S, T>;
}

function refuse(what: string, instead: string): never {
  throw new TypeError(`Cannot ${what} at once: the names are on the engines; use ${instead}`);
}
