/**
 * Values and calls as Python's engines take and give them: pickles, with large buffers beside them.
 */

/** What an apply_request calls: a name in the engine's namespace, or something importable. */
export type Callable =
  | { readonly kind: "reference"; readonly name: string }
  | { readonly kind: "global"; readonly module: string; readonly name: string };

export function applyBuffers(
  _callable: Callable,
  _args: readonly unknown[],
  _kwargs: Readonly<Record<string, unknown>> = {},
): Uint8Array[] {
  throw new Error("waiting for pickle");
}

export function readBuffers(_buffers: readonly Uint8Array[]): unknown {
  throw new Error("waiting for pickle");
}
